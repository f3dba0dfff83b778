"""What the package offers, pinned."""

import ingest


def test_the_public_names_are_these() -> None:
    assert ingest.__all__ == [
        "DEFAULT_BATCH_SIZE",
        "Entry",
        "IngestInterrupted",
        "IngestReport",
        "Journal",
        "NoProgress",
        "Progress",
        "PruneRefused",
        "Scope",
        "Skip",
        "default_workers",
        "ingest",
        "plan_scopes",
    ]
    assert all(getattr(ingest, name) for name in ingest.__all__)
