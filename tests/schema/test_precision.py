"""Vectors of half precision: who has them, and that they come through pymilvus as they were sent.

No server that has them is part of the tests: what pymilvus sends and reads is, byte by byte.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schema import Connection, Embedded, MilvusStore, UsageError, Vectors
from schema.connection import capabilities_of
from schema.fields import VECTOR_FIELD, milvus_schema, to_row
from schema.precision import from_stored, stack, to_stored
from tests.samples import a_record, random_vectors


def sent(vectors: Vectors) -> Any:
    """What pymilvus sends of some rows' vectors to a server, as its own message."""
    from pymilvus.client.prepare import Prepare

    fields = milvus_schema(vectors.shape[1], bm25=False, vectors="float16").to_dict()["fields"]
    halves = to_stored(vectors, "float16")
    rows = [to_row(Embedded(a_record(f"{n}.jpg"), half))[0] for n, half in enumerate(halves)]
    request = Prepare.row_upsert_param("archive", rows, "", fields_info=fields)
    (field,) = (each for each in request.fields_data if each.field_name == VECTOR_FIELD)
    return field


def test_half_precision_is_refused_where_it_is_not_and_what_to_do_is_said(tmp_path: Path) -> None:
    with (
        Connection(str(tmp_path / "milvus.db")) as connection,
        pytest.raises(UsageError, match=r"the embedded store has none.*--index ivf_sq8"),
    ):
        MilvusStore.create(
            connection, "halves", model="toy", dim=8, fingerprint="1", vectors="float16"
        )


@pytest.mark.milvus_server
def test_a_server_from_before_half_precision_is_named(milvus_uri: str) -> None:
    with (
        Connection(milvus_uri) as connection,
        pytest.raises(UsageError, match=r"Milvus v?2\.3\S* has none"),
    ):
        MilvusStore.create(
            connection, "halves", model="toy", dim=8, fingerprint="1", vectors="float16"
        )


def test_a_precision_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with (
        Connection(str(tmp_path / "milvus.db")) as connection,
        pytest.raises(UsageError, match="'int8': they are held as float32 or float16"),
    ):
        MilvusStore.create(connection, "bytes", model="toy", dim=8, fingerprint="1", vectors="int8")


@pytest.mark.parametrize(
    ("version", "has_it"), [("v2.3.5", False), ("2.4.0", True), ("2.6.1-rc1", True), ("?", False)]
)
def test_half_precision_came_with_milvus_2_4(version: str, *, has_it: bool) -> None:
    assert capabilities_of(version, embedded=False).float16 is has_it


def test_pymilvus_sends_half_precision_as_two_bytes_a_part() -> None:
    from pymilvus import DataType

    vectors = random_vectors(3, dim=16)
    field = sent(vectors)
    assert field.type == DataType.FLOAT16_VECTOR
    assert field.vectors.float16_vector == vectors.astype("<f2").tobytes()


def test_what_pymilvus_reads_in_an_answer_are_the_vectors_that_were_sent() -> None:
    from pymilvus.client.types import HybridExtraList

    vectors = random_vectors(3, dim=16)
    answer: list[dict[str, Any]] = [{} for _ in vectors]
    rows = HybridExtraList([sent(vectors)], answer, extra={})
    read = stack([row[VECTOR_FIELD] for row in rows], 16)
    assert read.dtype == np.float32
    assert np.allclose(read, vectors, rtol=0, atol=2**-12)
    assert np.allclose(np.linalg.norm(read, axis=1), 1, rtol=0, atol=1e-6)


def test_what_pymilvus_reads_in_a_hit_is_the_vector_that_was_sent() -> None:
    from pymilvus.client.search_result import HybridHits

    vectors = random_vectors(3, dim=16)
    hits = HybridHits(0, 3, ["a", "b", "c"], [0.9, 0.8, 0.7], [sent(vectors)], [], [], "id")
    read = stack([hit["entity"][VECTOR_FIELD] for hit in hits], 16)
    assert np.allclose(read, vectors, rtol=0, atol=2**-12)


def test_a_query_is_of_the_precision_of_the_field() -> None:
    from pymilvus.client.prepare import Prepare
    from pymilvus.client.types import PlaceholderType
    from pymilvus.grpc_gen.common_pb2 import PlaceholderGroup

    vectors = random_vectors(2, dim=16)
    data = list(to_stored(vectors, "float16"))
    group = PlaceholderGroup.FromString(Prepare._prepare_placeholder_str(data))
    assert group.placeholders[0].type == PlaceholderType.FLOAT16_VECTOR
    assert list(group.placeholders[0].values) == [v.astype("<f2").tobytes() for v in vectors]


def test_full_precision_stays_as_it_is() -> None:
    (vector,) = random_vectors(1)
    assert to_stored(vector, "float32") is vector
    assert np.array_equal(from_stored(vector.tolist()), vector)


def test_of_no_rows_there_are_no_vectors() -> None:
    assert stack([], 8).shape == (0, 8)


def test_a_store_knows_what_reading_a_vector_will_give(tmp_path: Path) -> None:
    with MilvusStore.create(
        Connection(str(tmp_path / "milvus.db")), "a", model="toy", dim=16, fingerprint="1"
    ) as full:
        half = MilvusStore(full.connection, replace(full.collection, vectors="float16"), bm25=False)
        (vector,) = random_vectors(1, dim=16)
        assert full.as_held(vector) is vector
        held = half.as_held(vector)
        assert not np.array_equal(held, vector)
        assert np.array_equal(held, from_stored(vector.astype("<f2").tobytes()))
