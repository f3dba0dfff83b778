"""What is stored, and where: records, fields, index profiles, the store over Milvus, errors."""

from schema.connection import Connection
from schema.descriptions import DescriptionStore
from schema.errors import (
    ArchiveBusy,
    ArchiveError,
    ArchiveMismatch,
    ArchiveMissing,
    EideticError,
    ImageUnreadable,
    ModelUnavailable,
    NoUsableImage,
    SkipReason,
    StoreError,
    StoreUnreachable,
    UsageError,
)
from schema.milvus_store import MilvusStore
from schema.records import (
    Embedded,
    ImageRecord,
    Match,
    Vector,
    Vectors,
    View,
    Worded,
    content_hash,
    row_id,
)
from schema.roots import Root, load_roots, save_roots
from schema.store import Collection, MemoryStore, Store

__all__ = [
    "ArchiveBusy",
    "ArchiveError",
    "ArchiveMismatch",
    "ArchiveMissing",
    "Collection",
    "Connection",
    "DescriptionStore",
    "EideticError",
    "Embedded",
    "ImageRecord",
    "ImageUnreadable",
    "Match",
    "MemoryStore",
    "MilvusStore",
    "ModelUnavailable",
    "NoUsableImage",
    "Root",
    "SkipReason",
    "Store",
    "StoreError",
    "StoreUnreachable",
    "UsageError",
    "Vector",
    "Vectors",
    "View",
    "Worded",
    "content_hash",
    "load_roots",
    "row_id",
    "save_roots",
]
