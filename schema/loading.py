"""A collection is loaded into memory, however long that takes, in as many replicas as asked for."""

import logging
import time
from typing import Any

from schema.connection import Connection
from schema.errors import StoreError, StoreUnreachable

log = logging.getLogger(__name__)

STALL_S = 600.0
"""How long a load may stand still. A server that has just started loads 10^8 rows in many minutes,
and tells how far it is."""

MAX_PAUSE_S = 1.0


def load(connection: Connection, name: str) -> None:
    """Load a collection for searching, and wait until it is; nothing is done where it is already.

    Raises:
        StoreUnreachable: Milvus does not answer.
        StoreError: It cannot load the collection, has it loaded in another number of replicas, or
            makes no progress for `STALL_S`.
    """
    doing, replicas = f"load {name!r}", connection.replicas
    wanted = {"replica_number": replicas} if replicas else {}

    def begin(client: Any) -> None:
        client.load_collection(name, _async=True, **wanted, **connection.patience)

    try:
        connection.call(doing, begin)
    except StoreUnreachable:
        raise
    except StoreError as error:
        if not replicas:
            raise
        raise StoreError(
            f"{error} (--replicas {replicas}: each replica needs query nodes of its own, and a "
            "collection that is loaded in another number must be released in Milvus first; leave "
            "--replicas out to take the collection as it is)"
        ) from error
    _wait(connection, name, doing)


def _wait(connection: Connection, name: str, doing: str) -> None:
    from pymilvus.client.types import LoadState

    def ask(client: Any) -> dict[str, Any]:
        state: dict[str, Any] = client.get_load_state(name, **connection.patience)
        return state

    pause_s, best, moved = 0.05, -1, time.monotonic()
    while (told := connection.call(doing, ask))["state"] != LoadState.Loaded:
        progress = int(told.get("progress", 0))
        if progress > best:
            best, moved = progress, time.monotonic()
            log.debug("loading %s: %d %%", name, progress)
        if time.monotonic() - moved > STALL_S:
            raise StoreError(
                f"Milvus at {connection.uri} could not {doing}: it stands at {best} % for "
                f"{STALL_S:.0f} s; see whether its query nodes have memory for the collection "
                "(docs/server-sizing.md)"
            )
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, MAX_PAUSE_S)
