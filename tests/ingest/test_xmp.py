"""XMP to facts: every form that the standard allows, and that no packet raises or costs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.facts import Facts
from ingest.rdf import MAX_DEPTH, MAX_ELEMENTS
from ingest.values import MAX_TEXT_CHARS, MAX_VALUES
from ingest.xmp import read_xmp

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "aux": "http://ns.adobe.com/exif/1.0/aux/",
        "dc": "http://purl.org/dc/elements/1.1/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "lr": "http://ns.adobe.com/lightroom/1.0/",
        "photo": "http://ns.microsoft.com/photo/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "st": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    }.items()
)


def rdf(body: str = "", attributes: str = "") -> str:
    return f"<rdf:RDF {NAMESPACES}><rdf:Description {attributes}>{body}</rdf:Description></rdf:RDF>"


VALUE = "<rdf:Description><rdf:value>4</rdf:value></rdf:Description>"


def facts(body: str = "", attributes: str = "") -> Facts:
    return read_xmp(rdf(body, attributes).encode())


def test_no_packet_is_all_unknown() -> None:
    assert read_xmp(b"") == read_xmp(b" \0\0") == Facts()


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        ("", 'xmp:Rating="4"'),
        ("<xmp:Rating>4</xmp:Rating>", ""),
        ("<xmp:Rating> 4 </xmp:Rating>", ""),
        (f"<xmp:Rating>{VALUE}</xmp:Rating>", ""),
        ('<xmp:Rating rdf:parseType="Resource"><rdf:value>4</rdf:value></xmp:Rating>', ""),
        ('</rdf:Description><rdf:Description xmp:Rating="4">', ""),
    ],
)
def test_a_property_is_an_attribute_an_element_or_a_qualified_value(
    body: str, attributes: str
) -> None:
    assert facts(body, attributes) == Facts(rating=4)


@pytest.mark.parametrize("container", ["Bag", "Seq", "Alt"])
def test_keywords_are_the_items_of_any_container(container: str) -> None:
    items = "<rdf:li>sea</rdf:li><rdf:li/><rdf:li> red\n boat </rdf:li><rdf:li>sea</rdf:li>"
    read = facts(f"<dc:subject><rdf:{container}>{items}</rdf:{container}></dc:subject>")
    assert read == Facts(tags=("sea", "red boat"))


def test_the_default_language_comes_first() -> None:
    items = (
        '<rdf:li xml:lang="de">Strand</rdf:li><rdf:li xml:lang="x-default">Beach</rdf:li>'
        '<rdf:li xml:lang="fr">Plage</rdf:li>'
    )
    assert facts(f"<dc:title><rdf:Alt>{items}</rdf:Alt></dc:title>").title == "Beach"
    assert facts(f"<dc:title><rdf:Alt>{items[:42]}</rdf:Alt></dc:title>").title == "Strand"


def test_hierarchical_keywords_give_each_of_their_parts() -> None:
    read = facts(
        "<dc:subject><rdf:Bag><rdf:li>Oslo</rdf:li></rdf:Bag></dc:subject>"
        "<lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|Norway|Oslo</rdf:li></rdf:Bag>"
        "</lr:hierarchicalSubject>"
    )
    assert read.tags == ("Oslo", "Places", "Norway")


def test_a_structure_inside_a_property_says_nothing_of_the_image() -> None:
    inner = 'st:instanceID="1" xmp:Rating="5"'
    read = facts(
        f"<xmpMM:DerivedFrom {inner}/>"
        f"<xmpMM:Ingredients><rdf:Bag><rdf:li {inner}/>"
        "<rdf:li><rdf:Description><xmp:Rating>5</xmp:Rating></rdf:Description></rdf:li>"
        "</rdf:Bag></xmpMM:Ingredients>"
    )
    assert read == Facts()


def test_the_prefix_is_free_and_the_namespace_counts() -> None:
    packet = rdf(attributes='xmp:Rating="4"').replace("xmp:Rating", "q:Rating")
    right = packet.replace("xmlns:xmp=", "xmlns:q=")
    assert read_xmp(right.encode()).rating == 4
    wrong = right.replace("http://ns.adobe.com/xap/1.0/", "http://example.org/")
    assert read_xmp(wrong.encode()).rating is None


@pytest.mark.parametrize(
    ("rating", "expected", "malformed"),
    [
        ("-1", -1, 0),
        ("0", 0, 0),
        ("5", 5, 0),
        ("3.0", 3, 0),
        ("", None, 0),
        ("6", None, 1),
        ("-2", None, 1),
        ("five", None, 1),
    ],
)
def test_a_rating_is_minus_one_for_rejected_and_zero_for_none(
    rating: str, expected: int | None, malformed: int
) -> None:
    read = facts(attributes=f'xmp:Rating="{rating}"')
    assert (read.rating, read.malformed) == (expected, malformed)


def test_windows_percent_stands_in_for_missing_stars() -> None:
    assert facts(attributes='photo:Rating="75"').rating == 4
    assert facts(attributes='photo:Rating="75" xmp:Rating="0"').rating == 0


@pytest.mark.parametrize(
    ("written", "seconds", "milliseconds", "offset"),
    [
        ("2019-07-04T12:30:05.25+02:00", 1_562_243_405, 250, 120),
        ("2019-07-04T12:30:05Z", 1_562_243_405, 0, 0),
        ("2019-07-04T12:30:05", 1_562_243_405, 0, None),
        ("2019-07-04T12:30+05:30", 1_562_243_400, 0, 330),
        ("2019-07-04T12:30:05.123456-0930", 1_562_243_405, 123, -570),
        ("2019:07:04 12:30:05.0+1:00", 1_562_243_405, 0, 60),
        ("2019-07-04", 1_562_198_400, 0, None),
        ("2019-07", 1_561_939_200, 0, None),
        ("2019", 1_546_300_800, 0, None),
    ],
)
def test_a_date_is_read_to_what_it_says(
    written: str, seconds: int, milliseconds: int, offset: int | None
) -> None:
    read = facts(attributes=f'xmp:CreateDate="{written}"')
    assert read == Facts(
        taken_at=seconds * 1000 + milliseconds, utc_offset_min=offset, taken_from="xmp"
    )


def test_the_capture_goes_before_the_creation_and_the_digitizing() -> None:
    dates = (
        'xmp:CreateDate="2003"',
        'photoshop:DateCreated="2002"',
        'exif:DateTimeOriginal="2001"',
    )
    years = [facts(attributes=" ".join(dates[:n])).taken_at for n in (1, 2, 3)]
    assert years == [1_041_379_200_000, 1_009_843_200_000, 978_307_200_000]
    assert facts(attributes='xmp:ModifyDate="2004" xmp:MetadataDate="2004"').taken_at is None


@pytest.mark.parametrize(
    "written", ["2019-13-01", "2019-07-04T25:00:00Z", "soon", "2019-07-04T12:30+99:00"]
)
def test_a_date_that_is_none_is_malformed(written: str) -> None:
    assert facts(attributes=f'xmp:CreateDate="{written}"') == Facts(malformed=1)


@pytest.mark.parametrize(
    ("lat", "lon", "position"),
    [
        ("48,51.5N", "2,21.0E", (48 + 51.5 / 60, 2.35)),
        ("33,51,36S", "70,30,0W", (-33.86, -70.5)),
        ("48N", "179,59.99W", (48.0, -(179 + 59.99 / 60))),
        ("-33.86", "151.2", (-33.86, 151.2)),
    ],
)
def test_a_position_is_read_in_degrees_north_and_east(
    lat: str, lon: str, position: tuple[float, float]
) -> None:
    read = facts(attributes=f'exif:GPSLatitude="{lat}" exif:GPSLongitude="{lon}"')
    assert (read.lat, read.lon) == pytest.approx(position)
    assert read.malformed == 0


@pytest.mark.parametrize(
    ("lat", "lon", "malformed"),
    [
        ("0,0.0N", "0,0.0E", 0),
        ("48,51.5N", "", 1),
        ("48,51.5E", "2,21.0E", 2),
        ("91,0N", "2,21.0E", 2),
        ("48,51.5", "2,21.0", 2),
        ("48,,5N", "2;21E", 2),
    ],
)
def test_no_fix_is_unknown_and_a_wrong_position_malformed(
    lat: str, lon: str, malformed: int
) -> None:
    read = facts(attributes=f'exif:GPSLatitude="{lat}" exif:GPSLongitude="{lon}"')
    assert read == Facts(malformed=malformed)


def test_fractions_are_read_and_unknown_ones_are_not_malformed() -> None:
    measures = 'exif:ExposureTime="1/250" exif:FNumber="28/10" exif:FocalLength="0/0"'
    assert facts(attributes=measures) == Facts(shutter_s=0.004, aperture=2.8)
    assert facts(attributes='exif:FocalLength="1/0" exif:FNumber="f/5,6"') == Facts(malformed=2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", ["", "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>"])
@pytest.mark.parametrize("after", ["", "\n" * 2000 + "<?xpacket end='w'?>", "\0\0", "rubbish"])
def test_a_packet_is_read_in_its_wrapper_padding_and_encoding(
    encoding: str, before: str, after: str
) -> None:
    packet = before + rdf("<dc:title>\u0634\u0627\u0637\u0626</dc:title>") + after
    assert read_xmp(packet.encode(encoding)) == Facts(title="\u0634\u0627\u0637\u0626")


def test_a_sidecar_may_declare_its_encoding() -> None:
    for encoding in ("utf-8", "iso-8859-1"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>' + rdf("<dc:title>caf\xe9</dc:title>")
        assert read_xmp(text.encode(encoding)) == Facts(title="caf\xe9")


def test_what_stands_before_an_error_counts() -> None:
    packet = rdf("<dc:title>Beach</dc:title><oops>", 'xmp:Rating="4"')
    assert read_xmp(packet.encode()) == Facts(rating=4, title="Beach", malformed=1)


EXPANDING = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha" * 10}">' for n in range(20))


@pytest.mark.parametrize(
    "packet",
    [
        f"<!DOCTYPE x [{EXPANDING}]>" + rdf("<dc:title>&a19;</dc:title>"),
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + rdf("<dc:title>&a;</dc:title>"),
        '<!DOCTYPE x SYSTEM "http://example.org/x.dtd">' + rdf("<dc:title>x</dc:title>"),
        rdf("<dc:title>&undefined;</dc:title>"),
        "<" * 1_000_000,
        "<a>" * 1_000_000,
        "<a " + " ".join(f'b{n}="c"' for n in range(500_000)) + "/>",
    ],
    ids=["expanding", "external", "dtd", "undefined", "brackets", "deep", "attributes"],
)
def test_a_hostile_packet_says_nothing_and_counts_once(packet: str) -> None:
    assert read_xmp(packet.encode()) == Facts(malformed=1)


@pytest.mark.parametrize(
    "body",
    ["<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH, "<a/>" * MAX_ELEMENTS, "<a>" + "x" * 5_000_000],
    ids=["deep", "many", "long"],
)
def test_reading_stops_at_its_limits_and_keeps_what_it_has(body: str) -> None:
    read = facts(f"<dc:title>Beach</dc:title>{body}<dc:description>late</dc:description>")
    assert read == Facts(title="Beach", malformed=1)


def test_a_long_text_and_many_keywords_are_cut() -> None:
    read = facts(f"<dc:title>{'x' * 100_000}</dc:title>")
    assert read == Facts(title="x" * MAX_TEXT_CHARS)
    items = "".join(f"<rdf:li>{n}</rdf:li>" for n in range(MAX_VALUES + 50))
    assert len(facts(f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>").tags) == MAX_VALUES


PIECES = [
    *("<dc:title>", "</dc:title>", "<rdf:Alt>", "</rdf:Alt>", "<rdf:li>", "</rdf:li>", "<a", ">"),
    *('xmp:Rating="', '"', "<exif:GPSLatitude>", "48,51N", "</exif:GPSLatitude>", "&amp;", "&#0;"),
    *("<![CDATA[", "]]>", "<!--", "-->", "<?x ?>", "\ud7ff", "0/0", "2019-07-04T12:30", "1" * 30),
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=15).map("".join))
def test_any_body_raises_nothing(body: str) -> None:
    read = read_xmp(rdf(body, 'xmp:Rating="3"').encode("utf-8", "replace"))
    assert read.rating is not None
    for text in (read.title, *read.tags):
        assert text is None or text.encode().decode() == text


@given(st.binary(max_size=300))
def test_any_bytes_raise_nothing(data: bytes) -> None:
    assert read_xmp(data).taken_at is None
