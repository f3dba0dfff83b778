"""A query says what is asked, and refuses what cannot be answered."""

from pathlib import Path

import pytest

from schema import NoUsableImage, UsageError
from search import Image, Query, Text, build_query, image_term, text_term


def test_a_text_and_images_become_terms_of_equal_weight(tmp_path: Path) -> None:
    file = tmp_path / "me.jpg"
    file.write_bytes(b"bytes")
    query = build_query("a red boat", [file], k=3, offset=1, where="rating > 3")
    assert query == Query(
        (Text("a red boat"), Image(b"bytes", str(file))), k=3, offset=1, where="rating > 3"
    )


def test_several_texts_are_several_terms() -> None:
    assert build_query(["a dog", "a beach"]).terms == (Text("a dog"), Text("a beach"))


def test_nothing_to_look_for_is_refused() -> None:
    with pytest.raises(UsageError, match="give words, or an image"):
        build_query()


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="nothing to look for"):
        build_query(text)
    with pytest.raises(UsageError, match="no words"):
        text_term(text)


@pytest.mark.parametrize("chosen", [{"text": "date:2019"}, {"where": "rating > 3"}])
def test_a_condition_alone_is_a_question(chosen: dict[str, str]) -> None:
    assert build_query(**chosen).terms == ()


@pytest.mark.parametrize("k", [0, -3])
def test_k_starts_at_one(k: int) -> None:
    with pytest.raises(UsageError, match=f"k={k}"):
        build_query("dog", k=k)


def test_an_offset_below_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="offset=-1"):
        build_query("dog", offset=-1)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_a_weight_is_a_number_above_zero(weight: float) -> None:
    with pytest.raises(UsageError, match="weight"):
        Query((Text("dog", weight),))


def test_what_is_left_out_is_no_part_of_what_is_looked_for(tmp_path: Path) -> None:
    file = tmp_path / "bad.jpg"
    file.write_bytes(b"bytes")
    query = build_query(f'dogs -people -"a red car" -{file} 2:beach')
    assert query.terms == (Text("dogs"), Text("beach", 2.0))
    assert query.excluded == (Text("people"), Text("a red car"), Image(b"bytes", str(file)))


@pytest.mark.parametrize("text", ["well-known", "a - b", "- ", "50-60s"])
def test_a_hyphen_within_words_is_no_exclusion(text: str) -> None:
    assert build_query(text).terms == (Text(text.strip()),)


def test_the_question_is_told_in_its_normal_form(tmp_path: Path) -> None:
    file = tmp_path / "my file.jpg"
    file.write_bytes(b"bytes")
    query = build_query("-people  dogs date:2019", [file])
    assert query.text == f'dogs -people date:2019 +"{file}"'


def test_a_missing_image_is_named() -> None:
    with pytest.raises(NoUsableImage, match=r"/no/such\.jpg: there is no such file"):
        build_query(images=["/no/such.jpg"])


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(NoUsableImage, match="not a file"):
        build_query(images=[tmp_path])


def test_what_could_be_read_for_ever_is_no_image() -> None:
    with pytest.raises(NoUsableImage, match="not a file"):
        build_query("+/dev/zero")


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.jpg"
    with file.open("wb") as stream:
        stream.truncate((1 << 30) + 1)
    with pytest.raises(NoUsableImage, match="the limit is 1,073,741,824"):
        build_query(images=[file])


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-this-name/a.jpg"])
def test_what_is_no_path_is_no_image(path: str) -> None:
    with pytest.raises(NoUsableImage, match="query image"):
        image_term(path)


def test_words_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(UsageError, match="not valid UTF-8"):
        build_query("caf\udce9")
