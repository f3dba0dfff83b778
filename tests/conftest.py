"""Fixtures that several packages' tests share: stores to talk to, records, the kit."""

import os
import socket
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hypothesis import settings

from schema import Connection, MilvusStore

settings.register_profile("thorough", max_examples=10_000)

HOUSE = ("schema", "embed", "ingest", "search", "eidetic")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run where another distribution owns one of the five package names."""
    owners = packages_distributions()
    for name in HOUSE:
        strangers = set(owners.get(name, [])) - {"eidetic"}
        if strangers:
            pytest.exit(
                f"the package name {name!r} belongs to {', '.join(sorted(strangers))} in this "
                "environment; run the tests in a virtual environment of Eidetic's own",
                returncode=4,
            )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests on one of several test processes, so that fixtures are made once.

    So are all that need the one Milvus server, and all that need a browser.
    """
    for item in items:
        shared = (name for name in ("milvus_server", "browser") if item.get_closest_marker(name))
        item.add_marker(pytest.mark.xdist_group(next(shared, str(item.path))))


@pytest.fixture(scope="session")
def kit() -> Path:
    """The folder of real test material; tests that use it skip where it is absent."""
    folder = Path(os.environ.get("EIDETIC_KIT", Path(__file__).parents[2] / "shared" / "kit"))
    if not folder.is_dir():
        pytest.skip(f"the test kit is not at {folder}; set EIDETIC_KIT to its folder")
    return folder


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Milvus server, started for this test session.

    EIDETIC_TEST_MILVUS names one that runs already and may be emptied; two servers of the wheel
    do not run side by side on one machine, because their etcd ports collide.
    """
    running = os.environ.get("EIDETIC_TEST_MILVUS")
    if running:
        yield running
        return
    from milvus import MilvusServer

    server = MilvusServer()
    server.set_base_dir(str(tmp_path_factory.mktemp("milvus")))
    server.listen_port = free_port()
    with warnings.catch_warnings():
        # The wheel looks for ports and forgets to close the sockets of those that are taken.
        warnings.simplefilter("ignore", ResourceWarning)
        server.start()
    yield f"http://127.0.0.1:{server.listen_port}"
    server.stop()


def free_port() -> int:
    """A TCP port on the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.milvus_server)])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where to put an archive: first in the embedded store, then on a real server."""
    if request.param == "embedded":
        yield str(tmp_path / "milvus.db")
        return
    uri: str = request.getfixturevalue("milvus_uri")
    yield uri
    drop_everything(uri)


def drop_everything(uri: str) -> None:
    """Leave the server as empty as it started."""
    with Connection(uri) as connection:
        client = connection.client
        for name in client.list_collections():
            for alias in client.list_aliases(name)["aliases"]:
                client.drop_alias(alias)
            client.drop_collection(name)


MakeStore = Callable[..., MilvusStore]


@pytest.fixture
def make_store(store_uri: str) -> Iterator[MakeStore]:
    """Create archives in the store under test; they are closed afterwards."""
    stores: list[MilvusStore] = []

    def make(archive: str = "archive", *, dim: int = 8, **options: str) -> MilvusStore:
        settings = {"model": "toy", "fingerprint": "toy-1", **options}
        stores.append(MilvusStore.create(Connection(store_uri), archive, dim=dim, **settings))
        return stores[-1]

    yield make
    for store in stores:
        store.close()
