"""How near an encoder comes to what the machine can multiply, on a GPU or a CPU.

    python scripts/benchmarks/encoder_speed.py [--arch ViT-B-32-256] [--device cuda] [--batch 64]

The roof is the rate of one large matrix product in the same precision, by torch, measured in the
same run. The model has random weights; its operations are counted by torch's own counter. Printed
for the forward pass on tensors that lie on the device already, for the encoder as an ingest calls
it, from bytes in memory to unit vectors, and, where there is no GPU, for the exported graph.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import torch
from torch.utils.flop_counter import FlopCounterMode

from embed.exporting import write_export
from embed.load import load_encoder

SECONDS = 5.0


def rate(run: Callable[[], object], device: torch.device, items: float) -> float:
    """Return items a second over some seconds, after a warm-up."""
    for _ in range(2):
        run()
    wait(device)
    began, runs = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        run()
        wait(device)
        runs += 1
    return runs * items / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def roof(device: torch.device, dtype: torch.dtype) -> float:
    """Return floating-point operations a second of a large matrix product."""
    n = 8192 if device.type == "cuda" else 2048
    a, b = (torch.rand(n, n, device=device, dtype=dtype) for _ in range(2))
    return rate(lambda: a @ b, device, 2.0 * n**3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="ViT-B-32-256")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=64)
    given = parser.parse_args()
    device = torch.device(given.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(
        f"{given.arch} on {name}, torch {torch.__version__}, batches of {given.batch}", flush=True
    )
    with tempfile.TemporaryDirectory() as place:
        weights = Path(place) / "random.pt"
        torch.save(open_clip.create_model(given.arch).state_dict(), weights)
        encoder = load_encoder(f"open_clip:{given.arch}/{weights}", device=given.device)
        model = encoder._model
        side = encoder.image_size
        pixels = torch.rand(given.batch, 3, side, side, device=device)
        images = list(np.random.default_rng(0).integers(0, 256, (given.batch, side, side, 3), "u1"))
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            model.encode_image(pixels[:1])
        each = counter.get_total_flops()
        print(f"{each / 1e9:.1f} GFLOP an image")
        kinds = [torch.float32] + [torch.bfloat16, torch.float16] * (device.type == "cuda")
        for dtype in kinds:
            top = roof(device, dtype)

            def forward(dtype: torch.dtype = dtype) -> None:
                mixed = dtype is not torch.float32
                with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=mixed):
                    model.encode_image(pixels)

            told(f"forward pass, {dtype}", rate(forward, device, given.batch), each, top)
        chosen = torch.float16 if encoder._device.half else torch.float32
        top = roof(device, chosen)
        told(
            f"from bytes to vectors, {chosen}",
            rate(lambda: encoder.encode_images(images), device, given.batch),
            each,
            top,
        )
        if device.type == "cpu":
            folder = Path(place) / "graphs"
            folder.mkdir()
            write_export(encoder, folder)
            from embed.graphs import ENGINES, ImageGraph

            for engine, half in [*((engine, False) for engine in ENGINES), ("openvino", True)]:
                graph = ImageGraph(folder / "images.onnx", engine=engine, half=half)
                found = rate(partial(graph.run, images), device, given.batch)
                told(f"graph in {engine}, {graph.precision}", found, each, top)


def told(what: str, images: float, each: float, top: float) -> None:
    print(
        f"{what:32} {images:10.1f} images/s, {100 * images * each / top:5.1f} % of the measured "
        f"{top / 1e12:.2f} TFLOP/s",
        flush=True,
    )


if __name__ == "__main__":
    main()
