"""A search through a running `eidetic serve`: its model is loaded and its archive open.

A command of its own has to load pymilvus, the model and the archive before it can search; asking a
server of the same archive that runs anyway takes none of them. The server leaves a note of its
address in the archive's folder. Whatever a server does not answer with hits (it is busy, it
refuses, it is of another version) is asked of the archive itself, which also tells the errors.
"""

import http.client
import json
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from eidetic.results import Hits
from eidetic.settings import Settings
from schema.owner import leave_note, read_note

log = logging.getLogger("eidetic")

CONNECT_TIMEOUT_S = 0.5
ANSWER_TIMEOUT_S = 30.0

SESSION_COOKIE = "eidetic_session"
"""By which a server knows a session; a browser's and ours are of one kind."""


@contextmanager
def noted(settings: Settings, listening: socket.socket, session: str) -> Iterator[None]:
    """Leave a note that an archive is served on a socket, as long as the context lasts.

    Args:
        session: What a request presents, "" where nothing is demanded.
    """
    host, port = listening.getsockname()[:2]
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    leave_note(
        settings.served_file,
        {
            "host": anywhere.get(host, host),
            "port": port,
            "session": session,
            "store": settings.store_uri,
        },
    )
    try:
        yield
    finally:
        settings.served_file.unlink(missing_ok=True)


def search_served(settings: Settings, text: str, question: Mapping[str, Any]) -> Hits | None:
    """Return what a running server of an archive answers; ``None`` where none does.

    Args:
        text: The query.
        question: Other arguments of `Archive.search`; ``None`` for those that are not given.
    """
    note = read_note(settings.served_file)
    if settings.text_model or note is None or note.get("store") != settings.store_uri:
        return None
    try:
        given = {name: value for name, value in question.items() if value is not None}
        return Hits.from_dict(_ask(note, f"/api/search?{urlencode({'q': text, **given})}"))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        log.debug("the server of this archive is not asked: %s", error)
        return None


def _ask(note: Mapping[str, Any], target: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(note["host"], note["port"], timeout=CONNECT_TIMEOUT_S)
    try:
        connection.connect()
        connection.sock.settimeout(ANSWER_TIMEOUT_S)
        cookie = {"Cookie": f"{SESSION_COOKIE}={note['session']}"} if note["session"] else {}
        connection.request("GET", target, headers=cookie)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise ValueError(f"it answers {answer.status}")
        document: dict[str, Any] = json.loads(body)
        return document
    finally:
        connection.close()
