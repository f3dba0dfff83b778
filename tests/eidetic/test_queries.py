"""The language of queries from end to end: the facade and the command."""

import json
from pathlib import Path

import pytest

import eidetic
from eidetic.cli import hoist, run
from schema import UsageError
from search import QuerySyntaxError


@pytest.fixture
def archive(images: Path) -> None:
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
