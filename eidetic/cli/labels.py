"""Labels from a file."""

from pathlib import Path


def read_labels(file: Path) -> list[str]:
    """Return the labels of a UTF-8 text, one from each line.

    Raises:
        UsageError: The file cannot be read.
    """
    from schema import UsageError

    try:
        return file.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the labels in {file} cannot be read ({error}); give a UTF-8 text with a label on "
            "each line"
        ) from error
