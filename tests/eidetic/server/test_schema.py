"""The API against its own description: whatever is sent, no answer is a failure of the server."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from eidetic import Archive
from eidetic.server import Limits
from tests.eidetic.server.conftest import listening

EXAMPLES = 10
"""Per operation, because the suite runs often."""

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture(scope="module")
def address(archive: Archive) -> Iterator[str]:
    with listening(archive, Limits()) as port:
        yield f"http://127.0.0.1:{port}"


def _requests(operation: Any, image_id: str) -> Iterator[Any]:
    """Strategies of what fits the description, of what does not, and of an image that is there."""
    for mode in GenerationMode:
        yield operation.as_strategy(mode)
    if "{image_id}" in operation.path:
        yield operation.as_strategy(path_parameters={"image_id": image_id})


def test_no_request_makes_the_server_fail(address: str, ids: dict[str, str]) -> None:
    with urlopen(f"{address}/openapi.json") as answer:
        description = schemathesis.openapi.from_dict(json.load(answer))
    # The plugin for pytest would do the same with a test of each operation, but not with pytest 9.
    tried = []
    for found in description.get_all_operations():
        operation = found.ok()
        tried.append(f"{operation.method.upper()} {operation.path}")

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategies.one_of(*_requests(operation, ids["red"])))
        def fits_the_description(case: Any) -> None:
            case.call_and_validate(base_url=address, checks=CHECKS)

        fits_the_description()
    assert len(tried) == len(set(tried)) == 13
