"""What a kill leaves in the folder of the embedded store."""

from pathlib import Path


def was_killed(folder: Path) -> bool:
    """Whether the process that last had the store open did not close it: its log is still there."""
    return any(folder.glob("collections/*/wal/*"))


def drop_indexes(folder: Path, collection: str) -> int:
    """Delete the files of a collection's index and return how many; loading builds them anew.

    Milvus Lite writes them in place. One that a kill cut short keeps the collection from loading,
    and which one it was is told in words only.
    """
    files = list((folder / "collections" / collection).glob("partitions/*/indexes/*.idx"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)
