"""Hits as comma-separated values."""

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eidetic.results import Hit

JOINT = "|"
"""Between the values of a list, as between the values of a filter."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""


def as_csv(hits: Iterable["Hit"]) -> bytes:
    """Return hits as RFC 4180 has it, in UTF-8; the header's names are the keys of ``--json``.

    Hits folded under another are told by their paths. Unknown values are empty. A text that a
    spreadsheet would take for a formula gets an apostrophe before it; numbers stay as they are. A
    byte of a path that is no UTF-8 is shown as an escape.
    """
    from eidetic.results import Hit

    stream = io.StringIO()
    writer = csv.DictWriter(stream, Hit.keys())
    writer.writeheader()
    for hit in hits:
        row = hit.as_dict() | {"folded": [each.path for each in hit.folded]}
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    text = JOINT.join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text
