"""What open_clip does to a text before its tokenizer sees it, without open_clip and torch.

The names are open_clip's own; its functions are compared with these in the tests. They mend texts
with ftfy (https://ftfy.readthedocs.io), as the authors of CLIP did with what they trained on.
"""

import html
import string
from collections.abc import Callable, Mapping


def as_is(text: str) -> str:
    """Return the text."""
    return text


def whitespace(text: str) -> str:
    """Return it mended, with single spaces."""
    return " ".join(_mended(text).split())


def lower(text: str) -> str:
    """Return it mended, with single spaces, in lower case."""
    return whitespace(text).lower()


def canonicalize(text: str) -> str:
    """Return it mended, without punctuation, in lower case, with single spaces."""
    bare = _mended(text).replace("_", " ").translate(_NO_PUNCTUATION)
    return " ".join(bare.lower().split())


CLEANING: Mapping[str, Callable[[str], str]] = {
    "": as_is,
    "whitespace": whitespace,
    "lower": lower,
    "canonicalize": canonicalize,
}

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _mended(text: str) -> str:
    import ftfy

    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()
