"""The model card: the same facts as model.json, in words."""

import json
from pathlib import Path
from string import Template

NAMES = {
    "en": "English",
    "ar": "Arabic",
    "de": "German",
    "fr": "French",
    "cs": "Czech",
    "zh": "Chinese",
}

TEMPLATE = Path(__file__).with_name("card.template.md")


def write_card(folder: Path) -> None:
    """Write MODEL_CARD.md beside model.json from what it records."""
    about = json.loads((folder / "model.json").read_text())
    scores = about["scores"]
    recall = "\n".join(
        f"| {language} | " + " | ".join(f"{found[f'R@{k}']:.1f}" for k in (1, 5, 10)) + " |"
        for language, found in scores["text_to_image"].items()
    )
    files = "\n".join(
        f"| `{name}` | {what} | {(folder / name).stat().st_size / 1e6:.1f} MB |"
        for name, what in (
            ("image.onnx", "image tower, with its normalisation"),
            ("text.onnx", "text tower"),
            ("tokenizer.json", "byte-pair encoding for " + ", ".join(NAMES.values())),
        )
    )
    speed, zero_shot = scores["speed_one_core"], scores["zero_shot"]
    text = Template(TEMPLATE.read_text()).substitute(
        version=about["version"],
        dim=about["dim"],
        size=about["image_size"],
        files=files,
        recall=recall,
        labels=zero_shot["labels"],
        zero_shot_images=f"{zero_shot['images']:,}",
        top1=f"{zero_shot['top-1']:.1f}",
        top5=f"{zero_shot['top-5']:.1f}",
        views=f"{scores['simulated_views']['right_of_4']:.2f}",
        ms_image=f"{speed['ms_per_image_in_batches']:.1f}",
        ms_text=f"{speed['ms_per_text_alone']:.1f}",
        load=f"{scores['loading']['both_towers_s']:.2f}",
    )
    (folder / "MODEL_CARD.md").write_text(text)


def record_scores(folder: Path, scores: dict[str, object]) -> None:
    """Put measured scores into model.json."""
    path = folder / "model.json"
    about = json.loads(path.read_text())
    about["scores"] = scores
    path.write_text(json.dumps(about, indent=2) + "\n")
