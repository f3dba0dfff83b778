"""The text tower: subword embeddings, a little convolution, attention pooling, a two-layer head.

It is taught by the English sentence vectors of the teacher, and by the same vectors for the
translations of those sentences (the teacher-student method of Reimers and Gurevych 2020, and of
AltCLIP), so that words never seen with an image land near their meaning.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

from scripts.train_builtin.sentences import Material

MAX_TOKENS = 40
PAD, UNKNOWN, START = 0, 1, 2


@dataclass(frozen=True, slots=True)
class StudentPlan:
    """Size and schedule of the text tower."""

    vocabulary: int = 24000
    embedding: int = 128
    width: int = 256
    epochs: int = 9
    batch: int = 512
    rate: float = 3e-3


def learn_tokenizer(material: Material, vocabulary: int) -> Tokenizer:
    """Train byte-pair encoding on all sentences.

    Decomposing and dropping marks makes one of accented and plain letters, of the forms of the
    Arabic alef, and of words with and without vowel marks.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace("\u0640", ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=["[PAD]", "[UNK]", "[START]"],
        continuing_subword_prefix="##",
        show_progress=False,
    )
    # Single words count several times, so that whole words of the teacher's vocabulary survive.
    texts = [pair.text for pair in material.pairs]
    texts += [sentence for sentence in material.english if " " not in sentence] * 4
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return token ids, cut at `MAX_TOKENS`, each beginning with [START]."""
    return [[START, *e.ids[: MAX_TOKENS - 1]] for e in tokenizer.encode_batch(list(texts))]


def pad(ids: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return shape (n, longest), int64, filled up with [PAD]."""
    out = np.full((len(ids), max(len(row) for row in ids)), PAD, dtype=np.int64)
    for i, row in enumerate(ids):
        out[i, : len(row)] = row
    return out


class Student(nn.Module):
    """Token ids (n, length) to teacher-like sentence vectors (n, 384), not normalised."""

    def __init__(self, plan: StudentPlan, tokens: int, outputs: int = 384) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, plan.embedding)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.widen = nn.Linear(plan.embedding, plan.width)
        self.mix = nn.Conv1d(plan.width, plan.width, 3, padding=1)
        self.attend = nn.Linear(plan.width, 4)
        self.dropout = nn.Dropout(0.1)
        self.inner = nn.Linear(4 * plan.width, 2 * plan.width)
        self.outer = nn.Linear(2 * plan.width, outputs)
        self.skip = nn.Linear(4 * plan.width, outputs, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        mask = (ids != PAD).to(self.widen.weight.dtype).unsqueeze(-1)
        x = self.widen(self.embed(ids)) * mask
        x = x + torch.relu(self.mix(x.transpose(1, 2))).transpose(1, 2)
        weights = self.attend(x) + (mask - 1) * 1e4
        weights = weights.softmax(dim=1)
        pooled = (weights.transpose(1, 2) @ x).flatten(1)
        pooled = self.dropout(pooled)
        return self.outer(torch.relu(self.inner(pooled))) + self.skip(pooled)


def choose_anchors(
    vectors: NDArray[np.float32], anchors: Sequence[tuple[int, ...]], english: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return for each sentence the English row nearest to it among its anchors."""
    return np.array(
        [
            rows[int(np.argmax(english[list(rows)] @ vector))]
            for vector, rows in zip(vectors, anchors, strict=True)
        ]
    )


def fit_student(
    material: Material,
    english: NDArray[np.float32],
    plan: StudentPlan,
    folder: Path,
    device: str,
    seed: int,
) -> None:
    """Train and write tokenizer.json, student.pt and losses.jsonl to ``folder``.

    Args:
        english: Shape (len(material.english), 384): the teacher's vectors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    tokenizer = learn_tokenizer(material, plan.vocabulary)
    tokenizer.save(str(folder / "tokenizer.json"))
    student = Student(plan, tokenizer.get_vocab_size()).to(device)
    optimiser = torch.optim.AdamW(student.parameters(), lr=plan.rate, weight_decay=0.01)
    texts = [pair.text for pair in material.pairs]
    anchors = [pair.anchors for pair in material.pairs]
    certain = np.array([len(rows) == 1 for rows in anchors])
    targets = np.stack([english[list(rows)].mean(axis=0) for rows in anchors])
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    steps = len(texts) // plan.batch
    total = plan.epochs * steps
    for epoch in range(plan.epochs):
        # Subword dropout (Provilkov et al. 2020) shows each word in several segmentations.
        tokenizer.model.dropout = 0.1 if epoch < plan.epochs - 1 else None
        ids = encode(tokenizer, texts)
        if epoch == plan.epochs // 2:
            tokenizer.model.dropout = None
            unsure = np.flatnonzero(~certain)
            vectors = infer(student, encode(tokenizer, [texts[i] for i in unsure]), device)
            chosen = choose_anchors(vectors, [anchors[i] for i in unsure], english)
            targets[unsure] = 0.7 * english[chosen] + 0.3 * targets[unsure]
            targets /= np.linalg.norm(targets, axis=1, keepdims=True)
        student.train()
        lengths = np.array([len(row) for row in ids]) + rng.random(len(ids)) * 3
        batches = np.argsort(lengths)[: steps * plan.batch].reshape(steps, plan.batch)
        summed = 0.0
        for number, rows in enumerate(rng.permutation(batches)):
            done = (epoch * steps + number) / total
            for group in optimiser.param_groups:
                group["lr"] = (
                    plan.rate * min(1.0, 30 * done + 0.02) * 0.5 * (1 + math.cos(math.pi * done))
                )
            batch = torch.from_numpy(pad([ids[i] for i in rows])).to(device)
            want = torch.from_numpy(targets[rows]).to(device)
            got = nn.functional.normalize(student(batch), dim=-1)
            near = 1 - (got * want).sum(dim=1).mean()
            apart = nn.functional.cross_entropy(
                20.0 * got @ want.T, torch.softmax(20.0 * want @ want.T, dim=1)
            )
            loss = 4 * near + 0.5 * apart
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            summed += float(near.detach())
        line = {"epoch": epoch, "cosine": round(1 - summed / steps, 4)}
        with (folder / "losses.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print("text", line, flush=True)
    torch.save(student.state_dict(), folder / "student.pt")


@torch.inference_mode()
def infer(student: Student, ids: Sequence[Sequence[int]], device: str) -> NDArray[np.float32]:
    """Return unit vectors, shape (len(ids), 384)."""
    student.eval()
    out: list[NDArray[np.float32]] = []
    for start in range(0, len(ids), 512):
        batch = torch.from_numpy(pad(ids[start : start + 512])).to(device)
        out.append(nn.functional.normalize(student(batch), dim=-1).cpu().numpy())
    return np.concatenate(out)
