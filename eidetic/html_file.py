"""Pages that are one file: images within it, no script, and nothing that it asks of any network.

The content security policy in each page's head makes the browser hold to that, whatever a caption
says. A page is written as it is made, so that memory does not grow with its images.
"""

import os
import secrets
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from eidetic.files import Preview
from eidetic.printable import printable
from embed.thumbnail import MEDIA_TYPE, as_webp
from schema import UsageError

THUMBNAIL_SIDE = 320
"""Pixels of the square that an image of a page is made to fit into."""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fafafa; --card: #fff;
  --line: #d6d6da; --dim: #5f6066; --link: #0b57d0; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececee; --paper: #17181a; --card: #222326;
  --line: #3a3b40; --dim: #a2a3aa; --link: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 110rem; background: var(--paper);
  color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
p { margin: 0 0 1rem; color: var(--dim); overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); }
figure { margin: 0; height: 100%; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; overflow: hidden; }
figure > a, figure > span { display: flex; align-items: center; justify-content: center;
  height: 14rem; padding: .5rem; }
img { max-width: 100%; max-height: 100%; width: auto; height: auto; object-fit: contain; }
figcaption { padding: .5rem .75rem .75rem; overflow-wrap: anywhere; font-size: .9rem; }
figcaption div + div, .dim { color: var(--dim); }
a { color: var(--link); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: -3px; }
table { border-collapse: collapse; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
section.pair { border-top: 1px solid var(--line); padding: 1rem 0; }
"""


def page(title: str, body: Iterable[str]) -> Iterator[str]:
    """Yield a whole page in pieces.

    Args:
        title: Plain text.
        body: HTML, as the other functions here make it.
    """
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{text(title)}</h1>\n"
    )
    yield from body
    yield "</body>\n</html>\n"


def text(plain: str) -> str:
    """Return plain text of any origin as HTML, fit for an attribute in double quotes as well."""
    return escape(printable(plain))


def figure(preview: Preview, lines: Iterable[str], *, name: str, link: str) -> str:
    """Return an image with its caption.

    Args:
        preview: At most some hundred pixels; where there is no image, the caption tells why.
        lines: Of the caption, plain text; empty ones are left out.
        name: What stands for the image where it cannot be seen.
        link: Where the image leads to, "" for nowhere.
    """
    shown = text(name)
    if preview.image is not None:
        width, height = preview.image.size
        data = b64encode(as_webp(preview.image)).decode()
        shown = (
            f'<img src="data:{MEDIA_TYPE};base64,{data}" width="{width}" height="{height}" '
            f'alt="{text(name)}">'
        )
    framed = f'<a href="{escape(link)}">{shown}</a>' if link else f"<span>{shown}</span>"
    caption = "".join(f"<div>{text(line)}</div>" for line in [*lines, preview.problem] if line)
    return f"<figure>{framed}<figcaption>{caption}</figcaption></figure>\n"


def address_of(path: str) -> str:
    """Return the address of what a hit's path names, "" for what a browser cannot open."""
    if path.startswith("/"):
        return Path(path).as_uri()
    return path if path.startswith(("https://", "http://")) else ""


def check_page_file(file: Path) -> None:
    """Refuse a place where no page can be written, before the work that goes into one.

    Raises:
        UsageError: It is a folder, or its folder does not exist or cannot be written.
    """
    if file.is_dir():
        raise UsageError(f"{file}: is a folder; give the name of the HTML file to write")
    if not file.parent.is_dir():
        raise UsageError(f"{file}: there is no folder {file.parent}; make it first")
    if not os.access(file.parent, os.W_OK):
        raise UsageError(f"{file}: its folder cannot be written; choose another")


def write_page(file: Path, pieces: Iterable[str]) -> None:
    """Write a page; an older file of the name is replaced once the new one is whole.

    Raises:
        UsageError: It cannot be written.
    """
    check_page_file(file)
    # Beside it, so that the last step is one within a file system.
    temporary = file.with_name(f".eidetic-{secrets.token_hex(8)}.html")
    try:
        try:
            with temporary.open("x", encoding="utf-8", errors="backslashreplace") as stream:
                stream.writelines(pieces)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{file}: cannot be written ({error.strerror}); choose another place, or make room"
        ) from error
