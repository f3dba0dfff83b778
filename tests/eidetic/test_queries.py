"""The language of queries from end to end: the facade and the command."""

import json
from pathlib import Path

import pytest

import eidetic
from eidetic.cli import hoist, run
from schema import UsageError
from search import QuerySyntaxError
from tests.images import write_colours

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "images", "red", "green", "blue", "yellow")


@pytest.fixture
def archive(toy: list[str], images: Path) -> None:
    with eidetic.open(model="builtin") as archive:
        archive.ingest([images])


def names(query: str, **options: object) -> list[str]:
    with eidetic.open() as archive:
        return [Path(hit.path).name for hit in archive.search(query, **options)]  # type: ignore[arg-type]


@pytest.mark.usefixtures("archive")
def test_filters_narrow_a_search_and_alone_they_list() -> None:
    assert names("red name:BLUE") == ["blue.png"]
    assert sorted(names("name:re")) == ["green.png", "red.png"]
    assert names("red camera:nikon") == []
    with eidetic.open() as archive:
        hits = archive.search("-name:green format:png")
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert {hit.score for hit in hits} == {None}


@pytest.mark.usefixtures("archive")
def test_an_image_in_the_query_finds_its_like(images: Path) -> None:
    assert names(f"+{images / 'green.png'}", k=1) == ["green.png"]
    with eidetic.open() as archive, pytest.raises(UsageError, match="files of this machine"):
        archive.search(f"+{images / 'green.png'}", local_files=False)


@pytest.mark.usefixtures("archive")
def test_an_excluded_image_does_not_come(images: Path) -> None:
    assert "green.png" not in names(f"green -{images / 'green.png'}")


@pytest.mark.usefixtures("archive")
def test_the_answer_repeats_the_question_in_its_normal_form() -> None:
    with eidetic.open() as archive:
        assert archive.search("name:re   red").query == "red name:re"


@pytest.mark.usefixtures("archive")
def test_the_command_takes_filters_and_exclusions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "red", "name:blue", "-green things", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["query"] == "red things -green name:blue"
    assert run(["search", "name:blue"]) == 0
    assert "blue.png" in capsys.readouterr().out


@pytest.mark.usefixtures("archive")
def test_a_file_is_found_by_its_name_unless_words_are_off() -> None:
    # The toy encoder takes "holiday" for a direction drawn by chance.
    assert names("holiday yellow", k=1, words=False) == ["yellow.png"]
    assert names("images green", k=1, words=False) == ["green.png"]
    with eidetic.open() as archive:
        (hit,) = archive.search("image of blue.png", k=1)
    assert (Path(hit.path).name, hit.likely) == ("blue.png", True)


@pytest.mark.usefixtures("archive")
def test_weak_hits_are_told_from_likely_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "red", "--json"]) == 0
    told = capsys.readouterr()
    hits = json.loads(told.out)["hits"]
    # To the toy encoder, yellow is red in part.
    assert [hit["likely"] for hit in hits] == [True, True, False, False]
    assert "nothing" not in told.err
    assert run(["search", "red"]) == 0
    assert capsys.readouterr().out.count(" weak ") == 2
    assert run(["search", "red", "--likely", "--paths"]) == 0
    found = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert found == ["red.png", "yellow.png"]


@pytest.mark.usefixtures("archive")
def test_a_query_with_nothing_to_find_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "submarine"]) == 0
    told = capsys.readouterr()
    assert told.err == (
        "nothing in this archive clearly looks like: submarine; these are only the nearest\n"
    )
    assert told.out.count(" weak ") == 4
    assert run(["search", "submarine", "--likely", "-q"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "no image in the archive matches\n")
    assert run(["search", "submarine", "--likely"]) == 0
    assert "without --likely and --sort the nearest are shown" in capsys.readouterr().err


@pytest.mark.usefixtures("archive")
def test_hits_and_listed_rows_come_in_the_order_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = ["blue.png", "green.png", "red.png", "yellow.png"]
    assert names("format:png", sort="folder") == listed
    assert run(["search", "red", "--sort", "size"]) == 2
    assert "'size' is no order of hits" in capsys.readouterr().err


@pytest.mark.usefixtures("archive")
def test_status_says_whether_words_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 0
    assert "names and metadata are searched for a query's words" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("query", "pointed"),
    [
        ("red camra:nikon", "  red camra:nikon\n      ^\n"),
        ('red "boat', '  red "boat\n      ^\n'),
        ('照片 "boat', '  照片 "boat\n       ^\n'),
    ],
)
def test_an_error_points_at_its_place(
    query: str, pointed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", query]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.endswith(pointed)


def test_a_syntax_error_is_an_error_of_usage() -> None:
    with eidetic.open() as archive, pytest.raises(QuerySyntaxError, match="did you mean 'camera'"):
        archive.search("camra:nikon")
    assert issubclass(QuerySyntaxError, UsageError)


@pytest.mark.parametrize(
    ("arguments", "hoisted"),
    [
        (["search", "dogs", "-people", "-k", "5"], ["search", "dogs", "-k", "5", "--", "-people"]),
        (["search", "-kite", "-k5"], ["search", "-k5", "--", "-kite"]),
        (["search", "-./a.jpg", "dog"], ["search", "dog", "--", "-./a.jpg"]),
        (["search", "-people", "--", "-x"], ["search", "--", "-people", "-x"]),
        (["search", "--where", "-width < 0", "dog"], ["search", "--where", "-width < 0", "dog"]),
        (["search", "dog", "-0"], ["search", "dog", "-0"]),
        (["search", "dog", "--paths"], ["search", "dog", "--paths"]),
        (["search", "dog", "-h"], ["search", "dog", "-h"]),
        (["similar", "-people"], ["similar", "-people"]),
    ],
)
def test_what_is_left_out_is_no_option(arguments: list[str], hoisted: list[str]) -> None:
    assert hoist(arguments) == hoisted
