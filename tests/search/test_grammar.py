"""The language of queries: what each form means, what is refused and where, and the way back."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import EideticError
from search import build_query
from search.grammar import (
    MAX_QUERY_CHARS,
    FilterPart,
    ImagePart,
    Parsed,
    QuerySyntaxError,
    TextPart,
    parse,
)

ROW = "41c21fe1a2a0dba34e70a1e90ef1d8f6eb8b31e4"


@pytest.mark.parametrize(
    ("query", "parsed"),
    [
        ("two dogs on a beach", Parsed("two dogs on a beach")),
        ("  two\n dogs\t", Parsed("two dogs")),
        ("", Parsed()),
        ('"red boat" sea', Parsed("sea", (TextPart("red boat"),))),
        ("2:sea", Parsed("", (TextPart("sea", 2.0),))),
        ('0.5:"red boat"', Parsed("", (TextPart("red boat", 0.5),))),
        ("dogs -people", Parsed("dogs", (), (TextPart("people"),))),
        ('dogs -"two men"', Parsed("dogs", (), (TextPart("two men"),))),
        ("+./ref.jpg", Parsed("", (ImagePart("./ref.jpg"),))),
        ('+"my file.jpg"', Parsed("", (ImagePart("my file.jpg"),))),
        ("2:+~/ref.jpg", Parsed("", (ImagePart("~/ref.jpg", 2.0),))),
        ("dog -../bad.jpg", Parsed("dog", (), (ImagePart("../bad.jpg"),))),
        (f"+{ROW} -{ROW}", Parsed("", (ImagePart(ROW),), (ImagePart(ROW),))),
        ('-"/my bad.jpg" dog', Parsed("dog", (), (ImagePart("/my bad.jpg"),))),
        ("camera:nikon", Parsed(filters=(FilterPart("camera", ("nikon",)),))),
        ('Camera:"nikon d70"', Parsed(filters=(FilterPart("camera", ("nikon d70",)),))),
        ('tag:a|"b c"', Parsed(filters=(FilterPart("tag", ("a", "b c")),))),
        ('tag:"a|b"', Parsed(filters=(FilterPart("tag", ("a|b",)),))),
        ("-tag:sea", Parsed(filters=(FilterPart("tag", ("sea",), negated=True),))),
        ('"say \\"hi\\" \\\\"', Parsed("", (TextPart('say "hi" \\'),))),
    ],
)
def test_a_query_reads(query: str, parsed: Parsed) -> None:
    assert parse(query) == parsed


@pytest.mark.parametrize(
    "words",
    ["time: 12:30", "16:9", "http://example.org/a?b=c", "a - b", "-", "--", "--force", "well-known",
     "c++", "+", "5\" disk", "dog's", "50-60s", ":", "::", "|", "a|b", "2: dogs", "(a) & b!",
     "照片", "3.5:1"],
)  # fmt: skip
def test_signs_within_plain_text_are_plain(words: str) -> None:
    assert parse(words) == Parsed(words)


@pytest.mark.parametrize(
    ("query", "position", "reason"),
    [
        ('dog "red boat', 4, "quote is not closed"),
        ('"bad \\escape"', 0, "quote is not closed"),
        ('"red"boat', 5, "space is missing after the quote"),
        ('"red""boat"', 5, "space is missing after the quote"),
        ("dog +cat", 5, "after \\+ comes an image"),
        ("tag:|", 4, "filter has no value"),
        ("tag:sea|", 8, "filter has no value"),
        ("tag:sea||sand", 8, "filter has no value"),
        ('dog ""', 4, "nothing between the quotes"),
        ("dog -2:cat", 5, "has no weight"),
        ("0:dog", 0, "is no weight"),
        ("1000:dog", 0, "is no weight"),
        ("1.2345:dog", 0, "is no weight"),
        ("caf\udce9", 3, "not valid UTF-8"),
        ("x" * (MAX_QUERY_CHARS + 1), MAX_QUERY_CHARS, "the limit is 4,096"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    query: str, position: int, reason: str
) -> None:
    with pytest.raises(QuerySyntaxError, match=reason) as refused:
        parse(query)
    assert (refused.value.query, refused.value.position) == (query, position)


def test_a_query_prints_in_one_order_whatever_order_it_came_in() -> None:
    query = '-people date:2019 dogs "red boat" -./bad.jpg 2:sea +./ref.jpg beach'
    printed = 'dogs beach "red boat" 2:sea +./ref.jpg -people -./bad.jpg date:2019'
    assert str(parse(query)) == printed


# Characters that mean something come often, so that strange queries are strange in their grammar.
strange = st.text(
    st.one_of(
        st.sampled_from('"\\-+:|./~ 0123abtag\n<>=,%_'),
        st.characters(exclude_categories=()),
    ),
    max_size=40,
)
pieces = st.lists(
    st.sampled_from(
        ["dog", "-", "+", '"', "\\", ":", "|", " ", "2:", "tag:", "date:", "near:", "rating:", ">=",
         "..", "2019", "48.85,2.35,10km", "./a.jpg", "~nobody/x", "é", "\0", "\ud800", "a b", ROW]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(strange, pieces))
def test_no_query_however_strange_ends_in_anything_but_an_answer_or_a_refusal(query: str) -> None:
    refused: EideticError | None = None
    try:
        built = build_query(query, local_files=False)
    except EideticError as error:
        refused = error
    if refused is None:
        assert built.terms or built.filters
    elif isinstance(refused, QuerySyntaxError):
        assert 0 <= refused.position <= len(query)
    else:
        assert "look for" in str(refused)


@settings(max_examples=300, deadline=None)
@given(st.one_of(strange, pieces))
def test_what_was_read_prints_to_what_reads_the_same(query: str) -> None:
    try:
        parsed = parse(query)
    except QuerySyntaxError:
        return
    assert parse(str(parsed)) == parsed
    assert str(parse(str(parsed))) == str(parsed)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
weights = st.integers(1, 999_000).map(lambda n: n / 1000)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
sources = st.one_of(texts.map("./{}".format), st.just(ROW))


@settings(max_examples=300, deadline=None)
@given(
    st.builds(
        Parsed,
        words=st.lists(st.sampled_from(["dog", "16:9", "-", "été", "a|b"])).map(" ".join),
        positives=st.lists(
            st.one_of(st.builds(TextPart, texts, weights), st.builds(ImagePart, sources, weights)),
            max_size=3,
        ).map(tuple),
        excluded=st.lists(
            st.one_of(
                st.builds(TextPart, texts.filter(lambda text: text[0] not in "./~")),
                st.builds(ImagePart, sources),
            ),
            max_size=3,
        ).map(tuple),
        filters=st.lists(
            st.builds(
                FilterPart, names, st.lists(texts, min_size=1, max_size=3).map(tuple), st.booleans()
            ),
            max_size=3,
        ).map(tuple),
    )
)
def test_whatever_a_query_says_can_be_written(parsed: Parsed) -> None:
    assert parse(str(parsed)) == parsed
