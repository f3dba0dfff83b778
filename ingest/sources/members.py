"""What a listing that is no folder of this machine tells of its files, and which may be images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.companions import Companions
from ingest.filesystems import marker_of
from ingest.metadata import FileFacts
from ingest.names import Excluded, is_image_candidate, is_passed_over
from ingest.scopes import Scope
from ingest.walk import FoundFile, Unwalkable, name_problem
from ingest.worklist import WorkItem
from schema.errors import SkipReason
from schema.records import content_hash


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a listing.

    Attributes:
        path: POSIX path relative to the root.
        mtime_ns: Nanoseconds since the epoch, 0 where unknown.
        marker: A number, positive and below 2^63, that changes with the content; 0 for none.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    marker: int


def leads_outside(path: str) -> bool:
    """Whether a path does not stay below its root."""
    return path.startswith("/") or ".." in path.split("/")


def within(
    found: FoundFile | Unwalkable, scope: Scope, excluded: Excluded
) -> FoundFile | Unwalkable | None:
    """Return what was found if it is in a scope, and neither it nor a folder above is excluded."""
    path = found.path
    if scope.only is not None and path != scope.only:
        return None
    if scope.sub and not path.startswith(f"{scope.sub}/"):
        return None
    parts = path.split("/")
    above = ("/".join(parts[:n]) for n in range(1, len(parts) + 1))
    if any(folder in scope.leave_out or excluded(folder) for folder in above):
        return None
    if isinstance(found, FoundFile) and found.developed and excluded(found.developed):
        return replace(found, developed="")
    return found


def sort_out(
    member: Member,
    companions: Companions,
    beside: Mapping[str, Member],
    captions: Sequence[Member] = (),
    *,
    is_image: bool = False,
) -> FoundFile | Unwalkable | None:
    """Return a member as a scan tells of it; None for what no scan looks at.

    Args:
        companions: The names of the member's folder.
        beside: At least the members of that folder, by path.
        captions: Members that hold texts about this one.
        is_image: Whether the member is known for an image, whatever its name.
    """
    folder, _, name = member.path.rpartition("/")
    if leads_outside(member.path):
        detail = "the name leads out of its source and is not followed; rename it there"
        return Unwalkable(member.path, SkipReason.OUTSIDE, detail, is_folder=False)
    # What a web server is asked after "?" is part of the name, and no part of its ending.
    if not is_image and not is_image_candidate(name.partition("?")[0]):
        return None
    if any(is_passed_over(part) for part in member.path.split("/")):
        return None
    problem = name_problem(member.path)
    if problem:
        return problem
    sidecar, developed = (
        f"{folder}/{found}" if folder and found else found
        for found in (companions.sidecar(name), companions.developed(name))
    )
    texts = [*([beside[sidecar]] if sidecar in beside else []), *captions]
    return FoundFile(
        member.path,
        member.size_bytes,
        member.mtime_ns,
        member.marker,
        sidecar if sidecar in beside else "",
        # Not a date here but all that is known of the texts, in one number.
        marker_of(*texts) if texts else 0,
        developed,
    )


def file_facts(
    item: WorkItem, data: bytes, read_ns: int, captions: Iterable[str] = ()
) -> FileFacts:
    """Return the facts of a member that was read.

    Date and marker are those of the listing, from before the reading: what changes meanwhile
    differs from them at the next scan, and is read again.
    """
    return FileFacts(
        root=item.root.id,
        path=item.file.path,
        size_bytes=len(data),
        mtime_ns=item.file.mtime_ns,
        inode=item.file.inode,
        content=content_hash(data),
        read_ns=read_ns,
        sidecar_ns=item.file.sidecar_ns,
        captions=tuple(captions),
    )
