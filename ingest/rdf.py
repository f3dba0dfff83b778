"""The properties of an XMP packet: RDF in XML, as far as XMP uses it (ISO 16684-1).

The packet comes from a stranger. Document types, and with them entities of any kind, are refused
by defusedxml; nothing is built but the properties asked for, so that neither depth nor size of the
rest costs memory; and reading stops at a limit of elements and of depth. What was read before an
error counts.
"""

from codecs import getincrementaldecoder
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import DefusedXMLParser

from ingest.values import MAX_TEXT_CHARS, MAX_VALUES

MAX_PACKET_BYTES = 1 << 20
"""A hundred times what programs write of properties; what lies beyond is not read."""

MAX_ELEMENTS = 20_000
MAX_DEPTH = 64

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DEFAULT_LANGUAGE = "x-default"
_CONTAINERS = (f"{_RDF}Bag", f"{_RDF}Seq", f"{_RDF}Alt")
_LI, _NODE, _VALUE = f"{_RDF}li", f"{_RDF}Description", f"{_RDF}value"
_RESOURCE = f"{_RDF}resource"


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties that were asked for.

    Attributes:
        values: By name ("{namespace}local"), each with its values in their order; of several
            languages the default one comes first.
        is_malformed: Whether the packet could not be read to its end.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_malformed: bool = False


def read_properties(packet: bytes, wanted: Collection[str]) -> Properties:
    """Return the wanted properties of a packet; nothing raises.

    Args:
        packet: XMP in UTF-8 or UTF-16, with or without its wrapper, padding and trailing bytes.
        wanted: Names as "{namespace}local".
    """
    text = _decode(packet[:MAX_PACKET_BYTES])
    if not text:
        return Properties()
    collector = _Collector(wanted)
    try:
        parser = DefusedXMLParser(target=collector, forbid_dtd=True)
        parser.feed(text)
        parser.close()
        is_malformed = False
    except _End:
        is_malformed = False
    except (ParseError, ValueError, LookupError):
        is_malformed = True
    return Properties(collector.result(), is_malformed)


class _End(Exception):
    """The document is over; what follows it in the packet is padding."""


class _Collector:
    """Takes the properties from the parser's events.

    A property is an attribute or a child of a node directly below rdf:RDF; structures inside
    properties have properties of the same names, which say nothing of the image.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = wanted
        self._found: dict[str, list[tuple[str, str]]] = {}
        self._path: list[str] = []
        self._base = 0
        self._elements = 0
        self._language = ""
        self._text: list[str] = []
        self._length = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._path) >= MAX_DEPTH:
            raise ValueError("the packet is too large or too deep")
        self._path.append(tag)
        self._clear()
        if not self._base and tag == f"{_RDF}RDF":
            self._base = len(self._path)
        elif self._base and len(self._path) == self._base + 1:
            self._language = ""
            for name, value in attributes.items():
                self._add(name, value)
        elif self._base and len(self._path) > self._base + 1:
            if tag == _LI or len(self._path) == self._base + 2:
                self._language = attributes.get(_LANG, "")
            if _RESOURCE in attributes and self._is_value():
                self._add(self._path[self._base + 1], attributes[_RESOURCE])

    def data(self, text: str) -> None:
        if self._length < MAX_TEXT_CHARS:
            self._text.append(text)
            self._length += len(text)

    def end(self, tag: str) -> None:  # noqa: ARG002
        if self._base and self._is_value():
            self._add(self._path[self._base + 1], "".join(self._text))
        self._clear()
        self._path.pop()
        if not self._path:
            raise _End

    def result(self) -> dict[str, tuple[str, ...]]:
        """Return the values, those of the default language first."""
        return {
            name: tuple(
                text for _, text in sorted(values, key=lambda value: value[0] != _DEFAULT_LANGUAGE)
            )
            for name, values in self._found.items()
        }

    def _is_value(self) -> bool:
        """Whether the element at hand holds a property's value, or one of its values."""
        below = self._path[self._base + 1 :]
        if not below:
            return False
        below = below[1:]
        if below[:1] and below[0] in _CONTAINERS and below[1:2] == [_LI]:
            below = below[2:]
        return below in ([], [_VALUE], [_NODE, _VALUE])

    def _add(self, name: str, text: str) -> None:
        if name not in self._wanted or not text.strip():
            return
        values = self._found.setdefault(name, [])
        if len(values) < MAX_VALUES:
            values.append((self._language, text[:MAX_TEXT_CHARS]))

    def _clear(self) -> None:
        self._text, self._length = [], 0


def _decode(packet: bytes) -> str:
    """Return the packet's text from its first sign on.

    A packet of UTF-8 that is none is read as Windows-1252, in which some programs write it.
    """
    head = packet.lstrip(b" \t\r\n")[:2]
    if head in (b"\xff\xfe", b"\xfe\xff"):
        text = packet.decode("utf-16", "replace")
    elif head in (b"<\0", b"\0<"):
        text = packet.decode("utf-16-le" if head == b"<\0" else "utf-16-be", "replace")
    else:
        try:
            # Incrementally, since the packet may have been cut within a character.
            text = getincrementaldecoder("utf-8")().decode(packet)
        except UnicodeDecodeError:
            text = packet.decode("cp1252", "replace")
    start = text.find("<")
    return text[start:].rstrip("\0 \t\r\n") if start >= 0 else text.strip("\0 \t\r\n\ufeff")
