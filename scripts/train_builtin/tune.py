"""Last lesson of the text tower: from sentence vectors to the joint space, labels above all.

The image parts learn an anchor per label that its name alone does not reach: a linear map of the
teacher's vectors plus a free term. Here the text tower as a whole learns to answer a label's name,
in many phrasings, with that anchor, while captions in all languages keep their places.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from scripts.train_builtin.sentences import Material
from scripts.train_builtin.student import Student, choose_anchors, encode, infer, pad
from scripts.train_builtin.targets import Targets
from scripts.train_builtin.teacher import TEMPLATES

PHRASINGS = (
    *TEMPLATES,
    "a {}",
    "the {}",
    "{} photo",
    "an image of a {}",
    "a good photo of a {}",
    "a black and white photo of a {}",
    "this is a photo of {}.",
    "a picture of a {}",
)
FEW_IMAGES, ENOUGH_IMAGES = 4, 20
"""A label's free term counts for nothing up to the first, in full from the sum of both on."""

LANGUAGE_WEIGHTS = {"en": 1.0, "ar": 2.0, "zh": 0.7, "de": 0.7, "fr": 0.7, "cs": 0.7}


@dataclass(frozen=True, slots=True)
class TunePlan:
    """Batches hold ``captions`` sentences and ``labels`` names."""

    steps: int = 800
    captions: int = 256
    labels: int = 512
    rate: float = 2e-3


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """One part of the joint space: its linear map of sentence vectors, and the labels' anchors.

    Attributes:
        labels: Shape (labels, dim), unit norm.
    """

    text: nn.Linear
    labels: Tensor


def label_anchors(text: nn.Linear, targets: Targets, free: Tensor) -> Anchors:
    """Combine a map and its free terms.

    A label of few images keeps the place its name is mapped to: a free term learned from one image
    of a cat says less of cats than all captions do.
    """
    images = np.bincount(targets.label_ids[targets.label_ids >= 0], minlength=len(targets.labels))
    trust = np.clip((images - FEW_IMAGES) / ENOUGH_IMAGES, 0, 1).astype(np.float32)
    with torch.no_grad():
        names = text(torch.from_numpy(targets.labels))
        labels = nn.functional.normalize(names + torch.from_numpy(trust)[:, None] * free, dim=-1)
    return Anchors(text, labels)


def tune(
    student: Student,
    parts: Sequence[Anchors],
    shares: Sequence[float],
    material: Material,
    english: NDArray[np.float32],
    labels: Sequence[str],
    folder: Path,
    plan: TunePlan,
    device: str,
    seed: int,
) -> tuple[Student, list[nn.Linear]]:
    """Tune the student and copies of the parts' maps; return them.

    Args:
        shares: Weight of each part in the loss.
        english: Shape (len(material.english), 384): the teacher's vectors.
        folder: Of the student: holds tokenizer.json, receives tuning.jsonl.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = [pair.text for pair in material.pairs]
    ids = encode(tokenizer, texts)
    anchors = [pair.anchors for pair in material.pairs]
    meant = np.array([rows[0] for rows in anchors])
    unsure = np.array([i for i, rows in enumerate(anchors) if len(rows) > 1])
    vectors = infer(student.to(device), [ids[i] for i in unsure], device)
    meant[unsure] = choose_anchors(vectors, [anchors[i] for i in unsure], english)
    weights = np.array([LANGUAGE_WEIGHTS[pair.language] for pair in material.pairs])
    weights /= weights.sum()
    named = [[p.format(label) for label in labels] for p in PHRASINGS]
    label_ids = [encode(tokenizer, phrased) for phrased in named]

    maps = [nn.Linear(p.text.in_features, p.text.out_features, bias=False) for p in parts]
    for own, part in zip(maps, parts, strict=True):
        own.load_state_dict(part.text.state_dict())
        own.to(device)
    fixed = [part.text.to(device).requires_grad_(False) for part in parts]
    table = [part.labels.to(device) for part in parts]
    parameters = [*student.parameters(), *(w for own in maps for w in own.parameters())]
    optimiser = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=0.01)
    student.train()
    summed = np.zeros(2)
    for step in range(plan.steps):
        done = step / plan.steps
        for group in optimiser.param_groups:
            group["lr"] = (
                plan.rate * min(1.0, 20 * done + 0.05) * 0.5 * (1 + math.cos(math.pi * done))
            )
        rows = rng.choice(len(texts), plan.captions, p=weights)
        chosen = rng.choice(len(labels), plan.labels, replace=False)
        phrasing = rng.integers(len(PHRASINGS), size=plan.labels)
        # Captions and names apart: padding names to the length of captions would double the work.
        heard = [
            student(torch.from_numpy(pad(batch)).to(device))
            for batch in (
                [ids[i] for i in rows],
                [label_ids[p][i] for p, i in zip(phrasing, chosen, strict=True)],
            )
        ]
        sentence = nn.functional.normalize(torch.cat(heard), dim=-1)
        want = torch.from_numpy(english[meant[rows]]).to(device)
        own_label = torch.from_numpy(chosen).to(device)
        caption_loss = torch.zeros((), device=device)
        label_loss = torch.zeros((), device=device)
        for own, given, label_table, share in zip(maps, fixed, table, shares, strict=True):
            got = nn.functional.normalize(own(sentence), dim=-1)
            captions, names = got[: plan.captions], got[plan.captions :]
            target = nn.functional.normalize(given(want), dim=-1)
            near = 1 - (captions * target).sum(dim=1).mean()
            apart = nn.functional.cross_entropy(
                15.0 * captions @ target.T, torch.softmax(15.0 * target @ target.T, dim=1)
            )
            caption_loss = caption_loss + share * (4 * near + 0.5 * apart)
            named_near = 1 - (names * label_table[own_label]).sum(dim=1).mean()
            told_apart = nn.functional.cross_entropy(15.0 * names @ label_table.T, own_label)
            label_loss = label_loss + share * (4 * named_near + 0.5 * told_apart)
        loss = caption_loss + label_loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        summed += [caption_loss.item(), label_loss.item()]
        if (step + 1) % 50 == 0:
            mean = (summed / 50).round(4).tolist()
            line = {"step": step + 1, "captions": mean[0], "labels": mean[1]}
            with (folder / "tuning.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            print("tune", line, flush=True)
            summed[:] = 0
    return student.cpu().eval(), [own.cpu().eval() for own in maps]
