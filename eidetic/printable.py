"""Text of any origin, made fit for a terminal or a page."""


def printable(text: str) -> str:
    """Return a text with what cannot be shown (controls, lone bytes) replaced by escapes."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )
