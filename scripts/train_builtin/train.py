"""Train the built-in model: from the Parquet files to the shipped ONNX files.

    python -m scripts.train_builtin.train [--preset cpu|gpu] [--material DIR] [--work DIR]
        [--continue-from DIR]

Every stage leaves its result in the work folder and is skipped where that is there, and the long
one (the trunk) also goes on from its last epoch: stopping and starting again loses little. Another
seed or preset, or another model to continue from, needs another work folder.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scripts.train_builtin.banks import Banks, extract
from scripts.train_builtin.continue_from import begin_student, begin_trunk
from scripts.train_builtin.corpus import Corpus, prepare_corpora
from scripts.train_builtin.fit_trunk import TrunkTask, fit_trunk
from scripts.train_builtin.heads import Head, fit_head
from scripts.train_builtin.presets import PRESETS, Preset
from scripts.train_builtin.release import release
from scripts.train_builtin.sentences import Material, gather
from scripts.train_builtin.student import Student, fit_student
from scripts.train_builtin.targets import Targets, make_targets
from scripts.train_builtin.teacher import sentence_vectors
from scripts.train_builtin.towers import (
    INPUT,
    ImageTower,
    Look,
    TextTower,
    look_features,
)
from scripts.train_builtin.tune import Anchors, label_anchors, tune

BANK_IMAGES = 1600
"""Images the filter banks are learned from; 40 patches of each."""

LOOK_IMAGES = 8000
"""Images whose covariance gives the axes of the look part."""


def make_banks(
    train: Corpus, work: Path, device: str, seed: int
) -> tuple[Banks, NDArray[np.float16]]:
    """Learn the filter banks and run them over the training images."""
    banks = Banks()
    if (work / "banks.pt").exists():
        banks.load_state_dict(torch.load(work / "banks.pt", weights_only=True))
    else:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(len(train), min(BANK_IMAGES, len(train)), replace=False))
        images = torch.from_numpy(train.images[rows]).permute(0, 3, 1, 2).float() / 255.0
        banks.learn(images, seed)
        torch.save(banks.state_dict(), work / "banks.pt")
    found = work / "banks-train.npy"
    if not found.exists():
        np.save(found, extract(banks.to(device), train.images, mirror=False, device=device))
    return banks.cpu().eval(), np.load(found)


def make_head(
    features: NDArray[np.float16],
    targets: Targets,
    preset: Preset,
    work: Path,
    device: str,
    seed: int,
) -> tuple[Head, Anchors]:
    """Fit the head over the banks, or read it back."""
    found = work / "head.pt"
    if not found.exists():
        fitted = fit_head(features, targets, preset.head, device, seed)
        state = {
            "head": fitted.head.state_dict(),
            "text": fitted.text.state_dict(),
            "free": fitted.free,
            "losses": fitted.losses,
        }
        torch.save(state, found)
    state = torch.load(found, map_location="cpu", weights_only=True)
    head = Head(features.shape[1], preset.head)
    text = nn.Linear(targets.captions.shape[1], preset.head.dim, bias=False)
    head.load_state_dict(state["head"])
    text.load_state_dict(state["text"])
    return head.eval(), label_anchors(text, targets, state["free"])


def make_student(
    material: Material,
    targets: Targets,
    parts: Sequence[Anchors],
    preset: Preset,
    work: Path,
    device: str,
    seed: int,
) -> tuple[Student, list[nn.Linear]]:
    """Fit the text tower to the teacher (or read it back), then tune it to the joint space."""
    folder = work / "student"
    found = folder / "tuned.pt"
    if not found.exists():
        english = sentence_vectors(material.english, work / "english.npy", device)
        if not (folder / "student.pt").exists():
            fit_student(material, english, preset.student, folder, device, seed)
        student = _student(preset, torch.load(folder / "student.pt", weights_only=True))
        shares = np.array(preset.shares[:2]) / sum(preset.shares[:2])
        student, maps = tune(
            student,
            parts,
            shares.tolist(),
            material,
            english,
            targets.names,
            folder,
            preset.tune,
            device,
            seed,
        )
        state = {"student": student.state_dict(), "maps": [own.state_dict() for own in maps]}
        torch.save(state, found)
    state = torch.load(found, map_location="cpu", weights_only=True)
    maps = [nn.Linear(p.text.in_features, p.text.out_features, bias=False) for p in parts]
    for own, weights in zip(maps, state["maps"], strict=True):
        own.load_state_dict(weights)
    return _student(preset, state["student"]).eval(), [own.eval() for own in maps]


def _student(preset: Preset, state: dict[str, torch.Tensor]) -> Student:
    student = Student(preset.student, len(state["embed.weight"]))
    student.load_state_dict(state)
    return student


def read_trunk(preset: Preset, targets: Targets, work: Path) -> TrunkTask:
    """The averaged weights of the last epoch done."""
    task = TrunkTask(preset.trunk, torch.from_numpy(targets.labels))
    state = torch.load(work / "trunk" / "checkpoint.pt", map_location="cpu", weights_only=True)
    task.load_state_dict(state["averaged"], strict=False)
    return task.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--material", type=Path, default=Path(os.environ.get("EIDETIC_TRAIN", "../shared/train"))
    )
    parser.add_argument("--work", type=Path, default=Path("build/train-builtin"))
    parser.add_argument("--out", type=Path, default=Path("embed/builtin/data"))
    parser.add_argument("--preset", choices=sorted(PRESETS), help="default: gpu where there is one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", default="1", help="part of the fingerprint of every vector")
    parser.add_argument(
        "--trunk-as-is", action="store_true", help="ship the trunk's last epoch, finished or not"
    )
    parser.add_argument(
        "--continue-from",
        type=Path,
        metavar="DIR",
        help="begin with the trunk and the text tower of the exported model in DIR",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        help="train the trunk for so long, in place of the preset's epochs: for shared cores",
    )
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    preset = PRESETS[options.preset or ("gpu" if device == "cuda" else "cpu")]
    work: Path = options.work
    seed: int = options.seed

    train, _, kept = prepare_corpora(options.material, work, INPUT)
    print(f"{len(train)} training images on {device}", flush=True)
    targets = make_targets(train, kept, work, device)
    plan = preset.trunk
    if options.continue_from:
        plan = preset.further
        begin_trunk(options.continue_from, train, targets, plan, work / "trunk", device, seed)
        begin_student(options.continue_from, preset.student, work / "student")
    if not options.trunk_as_is:
        fit_trunk(train, targets, plan, work / "trunk", device, seed, options.minutes)
    task = read_trunk(preset, targets, work)
    banks, features = make_banks(train, work, device, seed)
    head, shallow = make_head(features, targets, preset, work, device, seed)
    look = Look(look_features(torch.from_numpy(features[:1])).shape[1], preset.look_dim)
    rows = np.random.default_rng(seed).choice(
        len(features), min(LOOK_IMAGES, len(features)), replace=False
    )
    look.learn(features[np.sort(rows)], preset.look_patch_weight, preset.look_power)
    deep = label_anchors(task.text, targets, task.free)
    material = gather(options.material, targets.names)
    student, (deep_text, shallow_text) = make_student(
        material, targets, (deep, shallow), preset, work, device, seed
    )

    image_tower = ImageTower(
        task.trunk, task.project, banks, head, look, preset.shares, preset.trunk_views
    )
    text_tower = TextTower(student, deep_text, shallow_text, preset.look_dim, preset.shares[:2])
    scale = float(task.caption_scale.exp().detach())
    release(
        image_tower,
        text_tower,
        work / "student" / "tokenizer.json",
        options.out,
        scale,
        options.version,
    )
    print(json.dumps({path.name: path.stat().st_size for path in sorted(options.out.iterdir())}))


if __name__ == "__main__":
    main()
