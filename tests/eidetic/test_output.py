"""What is printed can be read by people and by programs."""

import json

import pytest

from eidetic.cli import hoist, run
from eidetic.cli.output import human_bytes, print_facts, print_json
from eidetic.printable import printable


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (3_920_000_000, "3.9 GB")],
)
def test_sizes_are_given_in_the_largest_fitting_unit(size: int, text: str) -> None:
    assert human_bytes(size) == text


def test_a_path_cannot_move_the_cursor_or_break_a_line() -> None:
    assert printable("a\nb\x1b[2Jc/é.jpg") == r"a\nb\x1b[2Jc/é.jpg"


def test_a_byte_that_is_not_utf8_is_shown_as_an_escape() -> None:
    assert printable("a\udcff.jpg") == r"a\udcff.jpg"


def test_shared_options_may_follow_the_command() -> None:
    given = ["search", "dog", "--json", "-k", "3", "--archive", "a", "--uri=http://x", "-q"]
    assert hoist(given) == [
        "--json", "--archive", "a", "--uri=http://x", "-q", "search", "dog", "-k", "3",
    ]  # fmt: skip


@pytest.mark.parametrize("flags", ["-q", "-v", "-qv", "-vq", "-vv"])
def test_short_flags_may_be_written_as_one_after_the_command(flags: str) -> None:
    assert hoist(["search", "dog", flags]) == [flags, "search", "dog"]


def test_short_options_of_a_command_stay_with_it() -> None:
    given = ["similar", "dog", "-0", "-k", "3", "-quiet", "-"]
    assert hoist(given) == given


def test_what_follows_two_dashes_stays_where_it_is() -> None:
    assert hoist(["search", "--", "--json", "-q"]) == ["search", "--", "--json", "-q"]


def test_a_shared_option_without_its_value_is_left_for_the_parser_to_refuse() -> None:
    assert hoist(["status", "--archive"]) == ["status", "--archive"]


def test_json_stays_valid_where_a_path_is_not_utf8(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    print_json({"query": "é\udcff.jpg"})
    assert json.loads(capfdbinary.readouterr().out.decode()) == {"query": "é\udcff.jpg"}


def test_no_facts_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([])
    assert capsys.readouterr().out == ""


def test_ctrl_c_that_an_extension_module_makes_its_own_is_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def importing(*arguments: object, **options: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise ImportError("initialization failed") from interrupt

    monkeypatch.setattr("eidetic.cli.app.app", importing)
    assert run(["status"]) == 130
    assert capfd.readouterr().err == ""
