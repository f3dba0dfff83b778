"""The names other code may import, pinned: changing one is a decision, not an accident."""

from importlib import import_module

import pytest

PUBLIC = {
    "schema": (
        "ArchiveBusy ArchiveError ArchiveMismatch ArchiveMissing Collection Connection "
        "DescriptionStore "
        "EideticError Embedded ImageRecord ImageUnreadable Match MemoryStore MilvusStore "
        "ModelUnavailable NoUsableImage Root SkipReason Store StoreError StoreUnreachable "
        "UsageError Vector Vectors View Worded content_hash load_roots row_id save_roots "
    ),
    "embed": (
        "DecodedImage Encoder Exportable ImageHeader Manifest Model ModelCheck Pixels "
        "RECOMMENDED Resizing Scoring TextEncoder check_model decode_image "
        "default_max_pixels describe export_model find_export is_on_disk known_models "
        "load_encoder load_model load_text_encoder loading_images read_header remove_export "
        "resolve runs_on_cpu "
    ),
    "embed.builtin": ("BuiltinEncoder "),
    "ingest": (
        "DEFAULT_BATCH_SIZE DescriptionReport Entry IngestInterrupted IngestReport Journal "
        "NoProgress Originals Outdated Progress PruneRefused Runner Scope Skip choose_runner "
        "count_outdated default_workers follow ingest plan_scopes refresh_descriptions "
        "require_local "
    ),
    "search": (
        "Arrangement Calibration Captioned Classification Classified Count DEFAULT_DIVERSITY "
        "DEFAULT_K DEFAULT_TAG_THRESHOLD DEFAULT_TEMPLATE DUPLICATE_THRESHOLD DescribedRows "
        "Evaluation Facets Failure Image Judged LabelCount LabelScore PreparedImage Query "
        "QuerySyntaxError Recall Row Shown Sort Subject Suggestion Suggestions Tagging Term Text "
        "Unusable answer arranged_answer build_query classify classify_rows compare count_facets "
        "embed_query evaluate find_duplicates image_term only_filters read_captions read_filters "
        "search suggest tag text_term untag "
    ),
    "eidetic.tools": ("Answer SmallImage Toolbox "),
    "eidetic": (
        "Archive DescriptionStatus Duplicate DuplicateGroups Hit Hits RootStatus Status open "
    ),
    "eidetic.server": ("Limits ServerSettings create_app serve "),
}


@pytest.mark.parametrize("package", PUBLIC)
def test_a_package_exports_its_public_names_and_no_others(package: str) -> None:
    module = import_module(package)
    assert sorted(module.__all__) == PUBLIC[package].split()
    assert all(hasattr(module, name) for name in module.__all__)
