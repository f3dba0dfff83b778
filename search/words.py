"""Words that a text tower can be given."""

from schema.errors import UsageError


def sound_words(words: str, what: str) -> str:
    """Return words without space around them.

    Args:
        words: As they were given.
        what: What they are, for messages.

    Raises:
        UsageError: There are none, or they are no valid Unicode.
    """
    stripped = words.strip()
    if not stripped:
        raise UsageError(f"{what} is empty; say what an image shows, as in 'a red boat'")
    try:
        stripped.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} {words!r} is not valid UTF-8; type it anew") from error
    return stripped
