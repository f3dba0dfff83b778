"""No query, however strange, ends in anything but an answer or a refusal that says why.

The whole way: the grammar, the query, the vectors, the store. A hundred examples of each in a usual
run, 10,000 with ``pytest --hypothesis-profile=thorough``.
"""

import contextlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import eidetic
from eidetic.cli import run
from embed.encoder import ToyEncoder
from schema import (
    Connection,
    EideticError,
    Embedded,
    ImageRecord,
    Match,
    MemoryStore,
    MilvusStore,
    Store,
)
from search import answer, build_query
from tests.samples import a_collection, a_record
from tests.search.test_grammar import pieces, strange

ENCODER = ToyEncoder()
FIXED = ("red", "green", "blue", "white", "black", "yellow")
ROWS = [
    Embedded(
        a_record(
            f"{colour}/{colour}.jpg",
            taken_at=1_500_000_000_000 * (n % 2) or None,
            camera=("NIKON D70", "Canon", None)[n % 3],
            rating=(None, -1, 5)[n % 3],
            lat=(48.85, None)[n % 2],
            lon=(2.35, None)[n % 2],
            tags=("sea", 'a "b" \\c', "%_", "été")[: n % 5],
        ),
        ENCODER.encode_texts([colour])[0],
    )
    for n, colour in enumerate(FIXED)
]
ROW = ROWS[0].record.id

filter_names = st.sampled_from(
    ["date", "camera", "lens", "place", "country", "name", "tag", "in", "rating", "width", "height",
     "iso", "near", "type", "format"]
)  # fmt: skip
filter_values = st.one_of(
    st.sampled_from(
        ["2019", "2019..2021-06", ">=4", "..5", "-1", "48.85,2.35,10km", "0,0,0m", "photo",
         "89.99,180,30000km", "frame|crop", "jpg", "sea", "a|b", '"a \\"b\\""', "%", "_", "*", "'",
         '"', "\\", "9" * 40, "0001", "9999-12-31", "nan", "inf", "1e9", "٣", ">=", "red/", "../",
         "/"]
    ),
    strange,
)  # fmt: skip
filters = st.builds(
    "{}{}:{}".format, st.sampled_from(["", "-", "--", " "]), filter_names, filter_values
)
words = st.sampled_from(
    ["red", "dog", "-people", '-"two men"', "2:sea", f"+{ROW}", f"-{ROW}", "照片"]
)
queries = st.one_of(
    strange,
    pieces,
    filters,
    st.lists(st.one_of(words, filters, pieces), max_size=5).map(" ".join),
)
anything = settings(deadline=None)


@pytest.fixture(scope="module")
def memory() -> MemoryStore:
    store = MemoryStore(a_collection(ENCODER.dim))
    store.upsert(ROWS)
    return store


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusStore]:
    uri = str(tmp_path_factory.mktemp("strange") / "milvus.db")
    with MilvusStore.create(
        Connection(uri), "archive", model="toy", dim=ENCODER.dim, fingerprint="toy-1"
    ) as store:
        store.upsert(ROWS)
        yield store


def ask(text: str, store: Store, where: str = "") -> list[ImageRecord] | str:
    """Return what is found, in its order, or why the question is refused."""
    try:
        query = build_query(text, where=where, local_files=False)
        found = answer(query, store=store, encoder=lambda: ENCODER)
    except EideticError as error:
        return type(error).__name__
    for hit in found:
        assert not isinstance(hit, Match) or math.isfinite(hit.score)
    return [hit.record if isinstance(hit, Match) else hit for hit in found]


@anything
@given(queries)
def test_any_query_is_answered_or_refused(memory: MemoryStore, query: str) -> None:
    found = ask(query, memory)
    assert isinstance(found, str) or len(found) <= len(ROWS)


@anything
@given(queries)
def test_milvus_answers_what_the_predicates_say(
    memory: MemoryStore, embedded: MilvusStore, query: str
) -> None:
    expected, found = ask(query, memory), ask(query, embedded)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
    else:
        assert {record.id for record in found} == {record.id for record in expected}


@anything
@given(
    st.one_of(
        strange,
        st.lists(
            st.sampled_from(
                ["rating", ">", "<=", "4", "and", "or", "not", "(", ")", '"x"', "path", "like",
                 "in", "[1]", "==", "tags", "array_contains", "vector", "%", "'", "\\", "{a}",
                 "1e999", "id", "json_contains", "exists", "is null", "5 % 0", "/ 0"]
            ),
            max_size=8,
        ).map(" ".join),
    )
)  # fmt: skip
def test_any_expression_for_milvus_is_answered_or_refused(
    embedded: MilvusStore, where: str
) -> None:
    found = ask("red", embedded, where)
    assert isinstance(found, str) or len(found) <= len(ROWS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of an archive of those rows."""
    data = tmp_path_factory.mktemp("archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eidetic.opening.load_encoder", lambda spec: ENCODER)
        patch.setattr("eidetic.opening.resolve", lambda spec: spec)
        with eidetic.open(model="toy", data_dir=data) as made:
            made._opening.store_or_new()[0].upsert(ROWS)
        yield data


def command(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command with a stdout and stderr of its own."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
        out.flush()
        err.flush()
    told = (stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err))  # type: ignore[attr-defined]
    return code, *told


# Of a command every example opens the archive anew: a quarter of the others' number.
@settings(
    deadline=None,
    max_examples=max(settings().max_examples // 4, 1),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(queries, min_size=1, max_size=3),
    st.sampled_from(
        [[], ["--json"], ["--csv"], ["--paths"], ["-0"], ["-k", "0"], ["--offset", "9"]]
    ),
    st.booleans(),
)
def test_the_command_ends_with_an_answer_or_an_error_of_its_own(
    data: Path, parts: list[str], options: list[str], behind: bool
) -> None:
    asked = [*options, "--", *parts] if behind else [*parts, *options]
    code, _, err = command(["--data-dir", str(data), "search", *asked])
    assert code in (0, 2, 6), err
    assert "nobody planned for" not in err
    assert "Traceback" not in err
    assert (code == 0) or err
