"""From a model spec to an encoder."""

from pathlib import Path

from embed.catalogue import BUILTIN, HF, OPEN_CLIP, resolve
from embed.encoder import Encoder, TextEncoder, TextTower
from embed.scoring import takes_no_images, takes_no_words
from schema.errors import ModelUnavailable


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
        device: torch's name of the device; by default a GPU where there is one. The built-in
            model always runs on the CPU.
        threads: Cores that one forward pass takes; by default all. For torch it is a setting of
            the whole process.

    Raises:
        ModelUnavailable: The spec is unknown, or its weights are neither on disk nor reachable.
    """
    spec = resolve(spec)
    if spec == BUILTIN:
        from embed.builtin import BuiltinEncoder

        return BuiltinEncoder(intra_op_num_threads=threads or 0)
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
