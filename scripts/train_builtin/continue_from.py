"""Where a further run begins: the trunk and the text tower of an exported model.

The files hold the towers, but not the linear map of the teacher's vectors and the labels' free
terms that the trunk was trained against. These are learned anew while the trunk stands still.
"""

import math
import shutil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.train_builtin.augment import random_views
from scripts.train_builtin.corpus import Corpus
from scripts.train_builtin.fit_trunk import (
    CAPTION_WEIGHT,
    START,
    TrunkPlan,
    TrunkTask,
)
from scripts.train_builtin.read_back import exported_weights, restore, unfold_norms
from scripts.train_builtin.student import Student, StudentPlan
from scripts.train_builtin.targets import Targets

CALIBRATION_IMAGES = 4096
WORD_STEPS, WORD_BATCH, WORD_RATE = 1500, 512, 2e-3


def begin_trunk(
    data: Path,
    train: Corpus,
    targets: Targets,
    plan: TrunkPlan,
    folder: Path,
    device: str,
    seed: int,
) -> None:
    """Write start.pt for `fit_trunk` from ``data``/image.onnx, unless it is there.

    Raises:
        ValueError: The file is of another preset.
    """
    if (folder / START).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    size = plan.size_at(0.0)
    task = TrunkTask(plan, torch.from_numpy(targets.labels))
    weights = exported_weights(data / "image.onnx")
    rng = np.random.default_rng(seed)
    count = min(CALIBRATION_IMAGES, len(train))
    rows = np.sort(rng.choice(len(train), count, replace=False))
    views = random_views(pixels(train, rows), size, torch.Generator().manual_seed(seed))
    unfold_norms(task.trunk, weights, "trunk.", views)
    restore(task.project, weights, "project.")
    restore(task.text, exported_weights(data / "text.onnx"), "deep.")
    fit_words(task.to(device), seen_vectors(task, train, size, device, seed), targets, plan, seed)
    torch.save(task.cpu().state_dict(), folder / START)


def begin_student(data: Path, plan: StudentPlan, folder: Path) -> None:
    """Write student.pt and tokenizer.json from ``data``, unless they are there.

    Raises:
        ValueError: The file is of another preset.
    """
    if (folder / "student.pt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    weights = exported_weights(data / "text.onnx")
    student = Student(plan, len(weights["student.embed.weight"]))
    restore(student, weights, "student.")
    shutil.copyfile(data / "tokenizer.json", folder / "tokenizer.json")
    torch.save(student.state_dict(), folder / "student.pt")


def pixels(train: Corpus, rows: NDArray[np.int64]) -> Tensor:
    """Shape (len(rows), 3, h, w), uint8."""
    return torch.from_numpy(np.array(train.images[rows])).permute(0, 3, 1, 2)


@torch.inference_mode()
def seen_vectors(task: TrunkTask, train: Corpus, size: int, device: str, seed: int) -> Tensor:
    """One random view of each training image through the trunk: shape (n, JOINT), unit norm."""
    generator = torch.Generator().manual_seed(seed)
    task.eval()
    parts = []
    for rows in np.array_split(np.arange(len(train)), math.ceil(len(train) / 256)):
        views = random_views(pixels(train, rows).to(device), size, generator)
        parts.append(task.embed(views))
    return torch.cat(parts)


def fit_words(
    task: TrunkTask, vectors: Tensor, targets: Targets, plan: TrunkPlan, seed: int
) -> None:
    """Fit the map of sentence vectors, the free terms and both scales to fixed image vectors.

    Args:
        vectors: Shape (training images, JOINT).
    """
    rng = np.random.default_rng(seed)
    words = [task.text.weight, task.free, task.label_scale, task.caption_scale]
    optimiser = torch.optim.AdamW(words, lr=WORD_RATE, weight_decay=0)
    captioned = np.flatnonzero(targets.spans[:, 1] > targets.spans[:, 0])
    labelled = np.flatnonzero(targets.label_ids >= 0)
    per_batch = round(WORD_BATCH * plan.captioned_share)
    sentences = torch.from_numpy(targets.captions).to(vectors.device)
    fixed = vectors.clone()
    for step in range(WORD_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = WORD_RATE * 0.5 * (1 + math.cos(math.pi * step / WORD_STEPS))
        batch = rng.choice(captioned, per_batch), rng.choice(labelled, WORD_BATCH - per_batch)
        seen = fixed[torch.from_numpy(np.concatenate(batch))]
        to_label, to_text, to_image = task.losses(
            seen, batch, targets, sentences, plan.caption_negatives, rng
        )
        optimiser.zero_grad(set_to_none=True)
        (to_label + CAPTION_WEIGHT * (to_text + to_image)).backward()
        optimiser.step()
        if (step + 1) % 100 == 0:
            found = [round(loss.item(), 4) for loss in (to_label, to_text, to_image)]
            print("words", {"step": step + 1, "losses": found}, flush=True)
