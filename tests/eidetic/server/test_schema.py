"""The API against its own description: whatever is sent, no answer is a failure of the server."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from eidetic import Archive
from eidetic.server import Limits
from tests.eidetic.server.conftest import listening

EXAMPLES = 15
"""Per operation, because the suite runs often."""


@pytest.fixture(scope="module")
def address(archive: Archive) -> Iterator[str]:
    with listening(archive, Limits()) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def description(address: str) -> Any:
    with urlopen(f"{address}/openapi.json") as answer:
        return schemathesis.openapi.from_dict(json.load(answer))


described = schemathesis.pytest.from_fixture("description")


@described.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_server_fail(case: Any, address: str) -> None:
    case.call_and_validate(
        base_url=address,
        checks=[
            not_a_server_error,
            content_type_conformance,
            response_schema_conformance,
            status_code_conformance,
        ],
    )
