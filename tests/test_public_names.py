"""The names other code may import, pinned: changing one is a decision, not an accident."""

from importlib import import_module

import pytest

PUBLIC = {
    "schema": (
        "ArchiveError ArchiveMismatch ArchiveMissing Collection Connection EideticError "
        "Embedded ImageRecord ImageUnreadable Match MemoryStore MilvusStore "
        "ModelUnavailable NoUsableImage Root SkipReason Store StoreError StoreUnreachable "
        "UsageError Vector Vectors View content_hash load_roots row_id save_roots "
    ),
    "embed": (
        "DecodedImage Encoder ImageHeader Model Pixels RECOMMENDED Resizing catalogue decode_image "
        "default_max_pixels describe load_encoder read_header resolve "
    ),
    "embed.builtin": ("BuiltinEncoder "),
    "ingest": (
        "DEFAULT_BATCH_SIZE Entry IngestInterrupted IngestReport Journal NoProgress "
        "Progress PruneRefused Scope Skip default_workers ingest plan_scopes "
    ),
    "search": (
        "Captioned DEFAULT_K Evaluation Image Query QuerySyntaxError Recall Row Term Text answer "
        "build_query embed_query evaluate image_term read_captions search text_term "
    ),
    "eidetic": ("Archive Hit Hits RootStatus Status open "),
}


@pytest.mark.parametrize("package", PUBLIC)
def test_a_package_exports_its_public_names_and_no_others(package: str) -> None:
    module = import_module(package)
    assert sorted(module.__all__) == PUBLIC[package].split()
    assert all(hasattr(module, name) for name in module.__all__)
