"""What the product answers: hits, and the state of an archive."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, overload

from schema.descriptions import DescriptionStore
from schema.records import ImageRecord
from schema.roots import Root
from search import Judged, Shown

_SHOWN = [
    "view",
    "offset_ms",
    "width",
    "height",
    "format",
    "size_bytes",
    "taken_at",
    "utc_offset_min",
    "taken_from",
    "camera",
    "lens",
    "iso_speed",
    "focal_mm",
    "aperture",
    "shutter_s",
    "lat",
    "lon",
    "place",
    "country",
    "rating",
    "tags",
    "labels",
]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer.

    Attributes:
        rank: From 1, the offset included.
        score: Cosine similarity in [-1, 1], higher is better; ``None`` where rows are listed by
            date, because filters alone were asked for.
        path: Absolute path or URL of the file as it can be opened now.
        likely: Whether it probably is what was asked for, or only the nearest there is; ``None``
            where rows are listed, or too few are there to tell.
        folded: Hits of the same video, burst or image that are not shown by themselves; their rank
            is that of this one.
    """

    rank: int
    score: float | None
    path: str
    record: ImageRecord
    likely: bool | None = None
    folded: "tuple[Hit, ...]" = ()

    @property
    def id(self) -> str:
        """Id of the row."""
        return self.record.id

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the keys of `as_dict` in its order."""
        return tuple(cls(0, None, "", _blank("")).as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract; unknown facts are ``None``."""
        facts = {name: getattr(self.record, name) for name in _SHOWN}
        facts |= {"tags": list(self.record.tags), "labels": list(self.record.labels)}
        head = {"rank": self.rank, "id": self.id, "score": self.score, "likely": self.likely}
        folded = [
            {
                "id": e.id,
                "score": e.score,
                "path": e.path,
                "view": e.record.view,
                "offset_ms": e.record.offset_ms,
            }
            for e in self.folded
        ]
        return head | {"path": self.path} | facts | {"folded": folded}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Return the hit of what `as_dict` gave; what that leaves out of the row is unknown.

        Raises:
            KeyError, TypeError: It is not of that form.
        """
        facts = {name: told[name] for name in _SHOWN}
        facts |= {name: tuple(facts[name]) for name in ("tags", "labels")}
        facts |= {"id": told["id"], "root": "", "path": told["path"], "content": "", "mtime_ns": 0}
        folded = tuple(
            cls(
                told["rank"],
                each["score"],
                each["path"],
                replace(_blank(each["id"]), view=each["view"], offset_ms=each["offset_ms"]),
            )
            for each in told["folded"]
        )
        return cls(
            told["rank"],
            told["score"],
            told["path"],
            ImageRecord(**facts),
            told["likely"],
            folded,
        )


def _blank(row_id: str) -> ImageRecord:
    return ImageRecord(row_id, "", "", "", 0, 0, 0, 0, "")


@dataclass(frozen=True, slots=True)
class Hits(Sequence[Hit]):
    """The hits of one query, best first, and what it took.

    Attributes:
        query: The question in its normal form.
        model: Spec of the model that answered.
        took_ms: Milliseconds from the question to its last hit; the first question of a process
            includes loading the model.
        total_rows: Rows in the archive.
    """

    query: str
    model: str
    took_ms: float
    total_rows: int
    hits: tuple[Hit, ...]

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @property
    def are_weak(self) -> bool:
        """Whether there are hits, and all of them are only the nearest there are."""
        return bool(self.hits) and all(hit.likely is False for hit in self.hits)

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return {
            "query": self.query,
            "model": self.model,
            "took_ms": round(self.took_ms, 2),
            "total_rows": self.total_rows,
            "hits": [hit.as_dict() for hit in self.hits],
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Return the hits of what `as_dict` gave, see `Hit.from_dict`."""
        hits = tuple(Hit.from_dict(each) for each in told["hits"])
        return cls(told["query"], told["model"], told["took_ms"], told["total_rows"], hits)

    @classmethod
    def of(
        cls,
        shown: Sequence[Shown],
        *,
        roots: Mapping[str, Root],
        offset: int,
        query: str,
        model: str,
        took_ms: float,
        total_rows: int,
    ) -> Self:
        """Number the hits and find their files."""
        hits = tuple(_hit(rank, each, roots) for rank, each in enumerate(shown, start=offset + 1))
        return cls(query, model, took_ms, total_rows, hits)


@dataclass(frozen=True, slots=True)
class RootStatus:
    """One root of an archive, and how many rows came from it."""

    id: str
    location: str
    rows: int


@dataclass(frozen=True, slots=True)
class DescriptionStatus:
    """The descriptions of an archive: with which model, how many, and where."""

    model: str
    dim: int
    rows: int
    collection: str

    @classmethod
    def of(cls, held: DescriptionStore) -> Self:
        """Ask a store of descriptions."""
        facts = held.collection
        return cls(facts.model, facts.dim, held.count(), facts.name)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an archive.

    Attributes:
        store: What Milvus calls itself; ``uri`` is where it is.
        capabilities: What it can do beyond the common ground, by name.
        skipped: Files that have no row because they could not be used.
        disk_bytes: Bytes of the archive's data folder; rows on a server are not among them.
        descriptions: Those of its images; ``None`` where it has none.
    """

    archive: str
    model: str
    dim: int
    rows: int
    collection: str
    index: str
    store: str
    uri: str
    capabilities: dict[str, bool]
    roots: tuple[RootStatus, ...]
    skipped: int
    disk_bytes: int
    descriptions: DescriptionStatus | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self) | {"roots": [asdict(root) for root in self.roots]}


def moment(record: ImageRecord) -> str:
    """Return the time of a video's frame, "0:01:23"; "" for what is none."""
    if record.view != "frame":
        return ""
    minutes, seconds = divmod(record.offset_ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def capture_time(record: ImageRecord) -> str:
    """Return the local wall clock at capture, "2019-07-04 12:30".

    It is "" where that is unknown, or only the file's date, which often is that of a copy.
    """
    if record.taken_at is None or record.taken_from == "file":
        return ""
    # Not fromtimestamp, which some systems limit to the years after 1970.
    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=record.taken_at)
    return clock.strftime("%Y-%m-%d %H:%M")


def _hit(rank: int, shown: Shown, roots: Mapping[str, Root]) -> Hit:
    folded = tuple(_hit(rank, Shown(hit), roots) for hit in shown.folded)
    found = shown.hit
    if isinstance(found, Judged):
        path = locate(found.record, roots)
        return Hit(rank, found.score, path, found.record, found.likely, folded)
    return Hit(rank, None, locate(found, roots), found, folded=folded)


def locate(record: ImageRecord, roots: Mapping[str, Root]) -> str:
    """Return where the file can be opened now.

    A root that this machine has never ingested has no location here; its path is then given
    relative to the root's id.
    """
    root = roots.get(record.root)
    return root.locate(record.path) if root else f"{record.root}:{record.path}"
