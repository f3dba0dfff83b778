"""Index profiles: how vectors are indexed, and how hard a search looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schema.errors import UsageError

MAX_LIMIT = 16_384
"""The most neighbours, offset included, that a Milvus server returns for one query."""


@dataclass(frozen=True, slots=True)
class IndexProfile:
    """A named way to index vectors.

    Attributes:
        name: Name of the profile.
        index_type: Milvus's name of the index.
        build: Parameters of the build.
        effort: Name of the parameter that sets how hard a search looks, "" if there is none.
        effort_min: Its smallest value; it grows with the number of neighbours asked for.
        effort_max: Its largest value.
        server_only: Whether only a Milvus server has it.
    """

    name: str
    index_type: str
    build: Mapping[str, int]
    effort: str = ""
    effort_min: int = 0
    effort_max: int = 0
    server_only: bool = False

    def search_params(self, limit: int) -> dict[str, Any]:
        """Return the search parameters for ``limit`` neighbours, the offset included.

        Twice the limit, but no less than the profile's minimum, keeps recall@k close to that of
        exact search for small and large k alike.
        """
        if not self.effort:
            return {"metric_type": "COSINE", "params": {}}
        effort = min(max(self.effort_min, 2 * limit), self.effort_max)
        return {"metric_type": "COSINE", "params": {self.effort: effort}}


PROFILES: Mapping[str, IndexProfile] = {
    profile.name: profile
    for profile in (
        IndexProfile("hnsw", "HNSW", {"M": 16, "efConstruction": 200}, "ef", 128, 32_768),
        IndexProfile("ivf_sq8", "IVF_SQ8", {"nlist": 1024}, "nprobe", 64, 1024),
        IndexProfile("flat", "FLAT", {}),
        IndexProfile("diskann", "DISKANN", {}, "search_list", 128, 65_535, server_only=True),
    )
}

DEFAULT_PROFILE = "hnsw"


def check_page(k: int, offset: int) -> None:
    """Refuse a page that no Milvus returns.

    Raises:
        UsageError: There is nothing on it, or it lies beyond `MAX_LIMIT`.
    """
    if k < 1 or offset < 0 or k + offset > MAX_LIMIT:
        raise UsageError(
            f"k={k} with offset {offset}: k must be at least 1, the offset at least 0, and both "
            f"together at most {MAX_LIMIT:,}; narrow the search with a filter instead"
        )


def find_profile(name: str, *, embedded: bool) -> IndexProfile:
    """Return the profile of that name.

    Raises:
        UsageError: There is none, or the embedded store does not have it.
    """
    usable = [p.name for p in PROFILES.values() if not (embedded and p.server_only)]
    if name not in usable:
        where = "the embedded store" if embedded else "a Milvus server"
        raise UsageError(f"index profile {name!r} is not one that {where} has: {', '.join(usable)}")
    return PROFILES[name]


def usable_profile(name: str, *, embedded: bool) -> str:
    """Return a profile's name, or the default's where the store does not have it."""
    profile = PROFILES.get(name)
    return DEFAULT_PROFILE if profile is None or (embedded and profile.server_only) else name
