"""Servers for tests: a web server of one folder that counts what it is asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class WebServer:
    """A server of a folder on the loopback address.

    Attributes:
        asked: Method and path of every request.
        failures: Statuses to answer with, by path, one after the other; the last one stays.
        media_types: What to call a file, by path, in place of what its name says.
        tells_times: Whether answers say when their file was changed.
    """

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, str]] = []
        self.failures: dict[str, list[int]] = {}
        self.media_types: dict[str, str] = {}
        self.tells_times = True
        handler = partial(_Handler, self, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def gets(self, ending: str) -> int:
        """How often a file was fetched."""
        return sum(method == "GET" and path.endswith(ending) for method, path in self.asked)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, server: WebServer, *args: object, directory: str) -> None:
        self._web = server
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def send_head(self):  # type: ignore[no-untyped-def]
        self._web.asked.append((self.command, self.path))
        statuses = self._web.failures.get(self.path)
        if statuses:
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            if status != HTTPStatus.OK:
                self.send_error(status)
                return None
        return super().send_head()

    def guess_type(self, path: str) -> str:  # type: ignore[override]
        guessed = super().guess_type(path)
        return self._web.media_types.get(self.path, guessed)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Last-Modified" or self._web.tells_times:
            super().send_header(keyword, value)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[WebServer]:
    server = WebServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
