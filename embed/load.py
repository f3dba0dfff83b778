"""From a model spec to an encoder."""

import sys
from pathlib import Path

from embed.catalogue import BUILTIN, HF, OPEN_CLIP, resolve
from embed.encoder import Encoder, TextEncoder, TextTower
from embed.exported import ExportedEncoder
from embed.exports import Manifest, find_export
from embed.scoring import takes_no_images, takes_no_words
from schema.errors import ModelUnavailable

GPUS = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What Linux has where there is a GPU of NVIDIA or AMD, or Windows' own behind it."""


def load_encoder(spec: str, *, device: str | None = None, threads: int | None = None) -> Encoder:
    """Load the encoder of a model that takes images; see `load_model`.

    Raises:
        UsageError: The model takes words only.
    """
    encoder = load_model(spec, device=device, threads=threads)
    if not isinstance(encoder, Encoder):
        raise takes_no_images(encoder.spec)
    return encoder


def load_text_encoder(
    spec: str, *, device: str | None = None, threads: int | None = None
) -> TextEncoder:
    """Load the encoder of a model's words alone; see `load_model`.

    Raises:
        UsageError: The model takes images only.
    """
    encoder = load_model(spec, device=device, threads=threads)
    if not isinstance(encoder, Encoder):
        return encoder
    if encoder.scoring is None:
        raise takes_no_words(encoder.spec)
    return TextTower(encoder)


def load_model(
    spec: str, *, device: str | None = None, threads: int | None = None
) -> Encoder | TextEncoder:
    """Load a model, whatever it takes: only an `Encoder` takes images.

    Args:
        spec: ``builtin``, an alias of the catalogue, ``open_clip:ARCH/PRETRAINED`` (PRETRAINED a
            published name or a checkpoint file), ``open_clip:hf-hub:REPO_ID``, ``hf:REPO_ID``, or a
            local folder saved by transformers (config.json) or open_clip (open_clip_config.json).
        device: torch's name of the device, for a model that is to run in torch. By default images
            go to a GPU where there is one, and to the model's export where that was made (see
            `embed.exporting`) and there is none; words go to the export. The built-in model always
            runs on the CPU.
        threads: Cores that one forward pass takes; by default all. For torch it is a setting of
            the whole process.

    Raises:
        ModelUnavailable: The spec is unknown, or its weights are neither on disk nor reachable.
    """
    spec = resolve(spec)
    if spec == BUILTIN:
        from embed.builtin import BuiltinEncoder

        return BuiltinEncoder(intra_op_num_threads=threads or 0)
    if device is None:
        exported = _exported(spec, threads)
        if exported is not None:
            return exported
    return _load_torch(spec, device, threads)


def runs_on_cpu() -> bool:
    """Return whether this machine has no GPU that torch could use; asks without torch."""
    return sys.platform == "linux" and not any(Path(gpu).exists() for gpu in GPUS)


def _exported(spec: str, threads: int | None) -> Encoder | None:
    """Return the encoder of a model's export, None where it has none."""
    folder = find_export(spec)
    manifest = None if folder is None else Manifest.read(folder)
    if folder is None or manifest is None:
        return None

    def on_gpu() -> Encoder:
        encoder = _load_torch(spec, None, threads)
        if not isinstance(encoder, Encoder):
            raise takes_no_images(spec)
        return encoder

    images = None if runs_on_cpu() else on_gpu
    return ExportedEncoder(folder, manifest, threads=threads, images=images)


def _load_torch(spec: str, device: str | None, threads: int | None) -> Encoder | TextEncoder:
    from embed.tensors import Device, use_threads

    if threads is not None:
        use_threads(threads)

    if spec.startswith(OPEN_CLIP):
        from embed.openclip import HF_HUB, OpenClipEncoder

        name = spec.removeprefix(OPEN_CLIP)
        if name.startswith(HF_HUB):
            return OpenClipEncoder(spec, name, None, Device(device))
        arch, slash, pretrained = name.partition("/")
        if not slash:
            raise ModelUnavailable(
                f"{spec}: the form is open_clip:ARCH/PRETRAINED, or open_clip:hf-hub:REPO_ID"
            )
        return OpenClipEncoder(spec, arch, pretrained, Device(device))
    if spec.startswith(HF):
        from embed.hf import load_hf

        return load_hf(spec, spec.removeprefix(HF), Device(device))
    return _load_folder(spec, device)


def _load_folder(spec: str, device: str | None) -> Encoder | TextEncoder:
    from embed.tensors import Device

    folder = Path(spec)
    if (folder / "open_clip_config.json").is_file():
        from embed.openclip import OpenClipEncoder

        return OpenClipEncoder(spec, f"local-dir:{folder}", None, Device(device))
    if (folder / "config.json").is_file() or (folder / "modules.json").is_file():
        from embed.hf import load_hf

        return load_hf(spec, spec, Device(device))
    raise ModelUnavailable(
        f"{spec}: no model; a folder saved by transformers has a config.json, one saved by "
        "sentence-transformers a modules.json, one saved by open_clip an open_clip_config.json, "
        "and a bare file is given as open_clip:ARCH/FILE"
    )
