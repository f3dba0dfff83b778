"""What the comparisons with rclip share: one model for both, and whole processes measured."""

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ARCH, SIDE = "ViT-B-32-256", 256
RCLIP_MODEL = "ViT-B-32-256-datacomp_s34b_b86k"


@dataclass
class Setting:
    """What all contestants share."""

    folder: Path
    rclip: str
    environ: dict[str, str]
    spec: str = ""
    precision: str = ""


def prepare(folder: Path, rclip: str, *, single: bool = False) -> Setting:
    """Save the model for each contestant; Eidetic's in single precision where that is asked for."""
    import open_clip
    import torch

    environ = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "RCLIP_DATADIR": str(folder / "rclip"),
        "EIDETIC_DATA_DIR": str(folder / "data"),
    }
    # What is installed keeps its compiled modules; so does what runs from its sources.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(environ)
    torch.manual_seed(0)
    model = open_clip.create_model(ARCH).eval()
    weights = folder / "random.pt"
    torch.save(model.state_dict(), weights)
    setting = Setting(folder, rclip, environ, f"open_clip:{ARCH}/{weights}")
    from eidetic.warming import warm

    setting.precision = "half" if warm(setting.spec, single=single).half else "single"
    place = folder / "rclip" / RCLIP_MODEL
    place.mkdir(parents=True)
    for name, method, example in (
        ("visual.onnx", "encode_image", torch.rand(2, 3, SIDE, SIDE)),
        ("textual.onnx", "encode_text", torch.zeros(2, 77, dtype=torch.long)),
    ):
        program = torch.onnx.export(
            _calling(model, method),
            (example,),
            input_names=["input"],
            output_names=["output"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            verbose=False,
        )
        program.save(str(place / name))
    vocabulary = Path(open_clip.__file__).with_name("bpe_simple_vocab_16e6.txt.gz")
    (folder / "rclip" / "tokenizer").mkdir()
    shutil.copy(vocabulary, folder / "rclip" / "tokenizer")
    return setting


def _calling(model: object, method: str) -> object:
    import torch

    class Calling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return getattr(self.model, method)(x)

    return Calling().eval()


@dataclass(frozen=True)
class Whole:
    """A process from its start to its end.

    Attributes:
        peak: Memory of it and all that it started, in bytes; 0 where it was not weighed.
        printed: On its standard output.
    """

    seconds: float
    peak: int
    printed: str


def whole_process(
    command: list[str], cwd: Path, environ: dict[str, str], *, weigh: bool = False
) -> Whole:
    """Run a command to its end.

    Args:
        weigh: Whether to tell its memory; walking through all of that takes time of its own.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak = 0

    def sample() -> None:
        nonlocal peak
        while process.poll() is None:
            if weigh:
                peak = max(peak, tree_bytes(process.pid))
            time.sleep(0.1)

    sampler = threading.Thread(target=sample)
    sampler.start()
    printed, said = process.communicate()
    took = time.perf_counter() - began
    sampler.join()
    if process.returncode:
        sys.exit(f"{command}: exit status {process.returncode}\n{said}")
    return Whole(took, peak, printed)


def tree_bytes(pid: int) -> int:
    """Return the proportional set size of a process and all its descendants, in bytes."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(place.name))
    total, waiting = 0, [pid]
    while waiting:
        each = waiting.pop()
        waiting += children.get(each, [])
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(rollup.partition("\nPss:")[2].split()[0]) * 1024
    return total
