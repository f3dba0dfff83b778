"""The collection beside an archive's rows: on the embedded store and on a real server."""

import numpy as np
import pytest

from schema import Connection, MilvusStore, UsageError
from schema.archives import list_archives
from schema.descriptions import Description, DescriptionStore, text_digest
from tests.conftest import MakeStore
from tests.samples import random_vectors


def make(rows: MilvusStore) -> DescriptionStore:
    return DescriptionStore.create(
        rows.connection, "archive", model="words", dim=8, fingerprint="words-1"
    )


def some(n: int) -> list[Description]:
    vectors = random_vectors(n)
    return [Description(f"{i:040x}", text_digest(f"text {i}"), vectors[i]) for i in range(n)]


def test_what_is_written_is_found_by_id_and_by_vector(make_store: MakeStore) -> None:
    with make(make_store()) as store:
        rows = some(20)
        store.upsert(rows)
        assert store.count() == 20
        assert list(store.iterate_digests()) == [(row.id, row.digest) for row in rows]
        ((first, second),) = store.search(rows[7].vector[None], 2)
        assert first == (rows[7].id, pytest.approx(1.0, abs=1e-5))
        assert second[1] < first[1]
        np.testing.assert_allclose(
            store.vectors([rows[7].id])[rows[7].id], rows[7].vector, atol=1e-6
        )


def test_writing_an_id_again_replaces_it_and_deleting_it_is_seen_at_once(
    make_store: MakeStore,
) -> None:
    with make(make_store()) as store:
        rows = some(3)
        store.upsert(rows)
        store.upsert([Description(rows[0].id, text_digest("other"), rows[1].vector)])
        assert next(store.iterate_digests()) == (rows[0].id, text_digest("other"))
        store.delete([rows[1].id])
        assert store.count() == 2


def test_they_are_there_again_when_they_are_opened_and_say_what_they_are(
    make_store: MakeStore, store_uri: str
) -> None:
    with make(make_store()) as store:
        store.upsert(some(5))
        made = store.collection
    with Connection(store_uri) as connection:
        again = DescriptionStore.open(connection, "archive")
        assert again is not None
        assert again.collection == made
        assert (made.model, made.dim, made.fingerprint) == ("words", 8, "words-1")
        assert again.count() == 5


def test_an_archive_without_descriptions_has_none(make_store: MakeStore) -> None:
    rows = make_store()
    assert DescriptionStore.open(rows.connection, "archive") is None
    make(rows).drop()
    assert DescriptionStore.open(rows.connection, "archive") is None


def test_they_are_no_archive_of_their_own(make_store: MakeStore) -> None:
    rows = make_store()
    store = make(rows)
    assert list_archives(rows.connection) == ["archive"]
    for name in (store.collection.name, "_descriptions_of_archive"):
        with pytest.raises(UsageError, match="a name starts with a letter"):
            MilvusStore.open(rows.connection, name)
    store.drop()
    assert rows.count() == 0


def test_the_digest_of_a_text_that_is_no_unicode_is_a_digest_all_the_same() -> None:
    assert len(text_digest("half \udcff")) == 32
    assert text_digest("a") != text_digest("b")
