"""Groups of near-identical images, as the product answers them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, overload

from eidetic.results import locate
from schema import ImageRecord, Match, Root


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One image of a group.

    Attributes:
        score: Cosine similarity to the first of the group, in [-1, 1].
        path: Absolute path or URL of the file as it can be opened now.
    """

    score: float
    path: str
    record: ImageRecord

    @property
    def id(self) -> str:
        """Id of the row."""
        return self.record.id

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return {"id": self.id, "path": self.path, "score": self.score}


Group = tuple[Duplicate, ...]
"""Near-identical images: the one to keep, then the others by score."""


@dataclass(frozen=True, slots=True)
class DuplicateGroups(Sequence[Group]):
    """All groups of an archive, in the order of the paths of their first images."""

    groups: tuple[Group, ...]

    @classmethod
    def of(cls, found: Iterable[Sequence[Match]], *, roots: Mapping[str, Root]) -> Self:
        """Find the files of some groups and sort them."""
        groups = [
            tuple(
                Duplicate(match.score, locate(match.record, roots), match.record)
                for match in matches
            )
            for matches in found
        ]
        return cls(tuple(sorted(groups, key=lambda group: group[0].path)))

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Group, ...]: ...
    def __getitem__(self, index: int | slice) -> Group | tuple[Group, ...]:
        return self.groups[index]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    def surplus(self) -> Iterator[Duplicate]:
        """Yield the files that could go: all but the first of each group, whole photos alone.

        A frame stands for a moment of a video, whose file is no duplicate for that.
        """
        for _, *others in self.groups:
            yield from (other for other in others if other.record.view == "photo")

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return {"groups": [[each.as_dict() for each in group] for group in self.groups]}
