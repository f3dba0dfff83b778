"""Write the files that ship: graphs, tokenizer, and the description with their checksums."""

import json
import shutil
from hashlib import blake2b
from pathlib import Path

from scripts.train_builtin.export import export, fold_norms
from scripts.train_builtin.student import MAX_TOKENS, PAD, START
from scripts.train_builtin.towers import INPUT, ImageTower, TextTower, example_inputs

LANGUAGES = ("en", "ar", "de", "fr", "cs", "zh")
FILES = ("image.onnx", "text.onnx", "tokenizer.json")


def release(
    image_tower: ImageTower,
    text_tower: TextTower,
    tokenizer: Path,
    out: Path,
    logit_scale: float,
    version: str,
) -> None:
    """Export both towers and describe them in model.json; scores are added by `card.record_scores`.

    Args:
        logit_scale: Factor from the cosine of the trunk's parts to logits.
    """
    out.mkdir(parents=True, exist_ok=True)
    images, ids = example_inputs()
    fold_norms(image_tower.eval())
    export(image_tower, images, out / "image.onnx", "images", length=False)
    export(text_tower.eval(), ids, out / "text.onnx", "ids", length=True)
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    words_share = 1 - image_tower.shares[2] ** 2
    about = {
        "version": version,
        "dim": sum(
            (
                text_tower.deep.out_features,
                text_tower.shallow.out_features,
                text_tower.look_dim,
            )
        ),
        "image_size": INPUT,
        "preprocessing": "squash-bicubic",
        "max_tokens": MAX_TOKENS,
        "start_id": START,
        "pad_id": PAD,
        # Image vectors keep a part that no text reaches, which shortens every image-text cosine.
        "logit_scale": round(logit_scale / words_share**0.5, 2),
        "languages": list(LANGUAGES),
        "checksums": {name: _checksum(out / name) for name in FILES},
        "scores": {},
    }
    (out / "model.json").write_text(json.dumps(about, indent=2) + "\n")


def _checksum(path: Path) -> str:
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
