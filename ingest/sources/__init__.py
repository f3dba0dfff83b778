"""Where images come from: folders, buckets and web pages, packed files and tables."""

from ingest.sources.choice import Source, Sources

__all__ = ["Source", "Sources"]
