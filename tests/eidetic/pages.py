"""What a browser would make of a page."""

import io
from base64 import b64decode
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

VOID = {"meta", "img"}


@dataclass
class Page(HTMLParser):
    """A page's elements, well nested, and its text.

    Attributes:
        elements: Name and attributes, in the order of the page.
        texts: What stands in each element that holds text.
    """

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    @classmethod
    def read(cls, file: Path) -> "Page":
        page = cls()
        page.feed(file.read_text(encoding="utf-8"))
        page.close()
        assert page._open == []
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open[-1] != "style":
            self.texts.append(data.strip())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def images(self) -> list[Image.Image]:
        """The page's images, decoded."""
        sources = [str(image["src"]) for image in self.named("img")]
        assert all(source.startswith("data:image/webp;base64,") for source in sources)
        return [Image.open(io.BytesIO(b64decode(s.partition(",")[2]))) for s in sources]
