"""One open connection to Milvus, embedded or a server, and what it can do."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from schema import lite
from schema.closing import Closing
from schema.errors import StoreError, StoreUnreachable, UsageError
from schema.owner import Owner, announce, find_owner, withdraw
from schema.tls import check_certificates, find_trouble

CONNECT_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 60.0
"""How long one call is repeated while the server is away: a restart takes less, and whoever waits
at a prompt should not wait longer. A server that is not there at all is told by the first
connection, after `CONNECT_TIMEOUT_S`."""

MAX_PAUSE_S = 2.0

OWNER_TIMEOUT_S = 10.0
"""How long a process may take from locking the folder to answering, an archive of a million rows
and a busy disk included, and from its end to letting go of the folder."""

OWNER_PAUSE_S = 0.05
OWNER_RETRIES = 3

T = TypeVar("T")

URI_SCHEMES = ("http", "https", "tcp", "unix")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the connected Milvus can do beyond the common ground of 2.3."""

    bm25: bool
    float16: bool


class Connection(Closing):
    """An open connection. Close it, or use it in a ``with`` statement.

    The embedded store is opened in this process or, where another process of the same user has it
    open, used through that one. Should that one end, it is opened here, or used through the next.

    Attributes:
        uri: Where it leads: a server's URI, or the folder of the embedded store.
        embedded: Whether it is Milvus Lite, in this process or in another of this machine.
        version: What the server calls itself.
        capabilities: What it can do.
        client: The pymilvus client of the moment; call it through `call` only.
        owner: The process that has the embedded store open; ``None`` where it is this one.
        timeout_s: How long one call is repeated while the server is away.
        is_lost: Whether the last call was given up.
        replicas: In how many replicas a server is to load collections; 0 for as it does.
        was_killed: Whether the process that last had the embedded store open did not close it.
        on_reopened: Each is called after the embedded store was opened anew under a living
            connection.
    """

    def __init__(
        self,
        uri: str,
        *,
        token: str = "",
        certificates: str = "",
        replicas: int = 0,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        """Connect to a server by URI, or open the embedded store in a folder ``....db``.

        Args:
            token: ``USER:PASSWORD`` or API key of a server.
            certificates: PEM file of the authorities that an ``https`` server's certificate may be
                signed by; "" for those that gRPC brings.

        Raises:
            UsageError: The URI has no scheme that Milvus knows, the certificates cannot be used, or
                there are replicas asked of the embedded store.
            StoreUnreachable: No Milvus answers there.
            StoreError: The embedded store is damaged or open in another process, or the server
                refuses the token.
        """
        self.embedded = uri.rstrip("/").endswith(".db")
        self.uri = uri.rstrip("/") if self.embedded else uri
        self.timeout_s = timeout_s
        self.is_lost = False
        self.was_killed = False
        self.owner: Owner | None = None
        self.on_reopened: list[Callable[[], None]] = []
        self.replicas = replicas
        self._token = token
        self._certificates = certificates
        if self.embedded and replicas > 1:
            raise UsageError(
                f"{replicas} replicas: the embedded store holds one; run a Milvus cluster and give "
                "its --uri, or leave --replicas out"
            )
        if certificates and not self.embedded:
            check_certificates(certificates)
        self._engine: Any = None
        self._reopening = threading.RLock()
        self._connect()
        self.capabilities = capabilities_of(self.version, embedded=self.embedded)

    def close(self) -> None:
        """Close the channel and, for the embedded store, release its folder."""
        self.client.close()
        self._stop_engine()

    @property
    def patience(self) -> dict[str, Any]:
        """Arguments of every method of the client that bound how long pymilvus itself repeats it.

        A process that has ended answers no more: another way to its store is found at once.
        """
        if self.owner is not None:
            return {"timeout": None, "retry_times": OWNER_RETRIES}
        return {"timeout": self.timeout_s}

    def call(self, doing: str, ask: Callable[[Any], T], *, where: str = "") -> T:
        """Return what a call of pymilvus returns; repeat it while the server is away.

        pymilvus repeats calls itself, but not past the moment when its channel cannot be made
        anew within `CONNECT_TIMEOUT_S`. What is asked must therefore bear being asked twice.

        Args:
            doing: What is asked, for the message ("write 64 rows").
            ask: Makes the call, with the client of the moment.
            where: The filter expression the caller gave, to blame if it does not parse.

        Raises:
            StoreUnreachable: Milvus did not answer within ``timeout_s``.
            UsageError: Milvus could not read the filter.
            StoreError: Anything else it answered.
        """
        import grpc
        from pymilvus.exceptions import MilvusException

        last_start = time.monotonic() + self.timeout_s
        pause_s = 0.1
        while True:
            with self._reopening:
                # A store that another thread opens anew just now is not loaded yet.
                client = self.client
            try:
                answer = ask(client)
                self.is_lost = False
                return answer
            except (MilvusException, grpc.RpcError) as error:
                told = self._translate(error, doing, where)
                self.is_lost = isinstance(told, StoreUnreachable)
                if not self.is_lost or time.monotonic() > last_start:
                    raise told from error
            if self.owner is not None:
                self._reopen(client)
                continue
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_PAUSE_S)

    def _connect(self) -> None:
        """Open the embedded store, here or through its owner, or reach the server."""
        try:
            self._connect_once()
        except StoreUnreachable:
            if not self.embedded:
                raise
            # An owner may have ended just now, and on a busy machine a port of one's own that has
            # just been opened has been seen to refuse.
            self._connect_once()

    def _connect_once(self) -> None:
        address = self._open_folder(Path(self.uri)) if self.embedded else _check_uri(self.uri)
        import grpc
        from pymilvus import MilvusClient
        from pymilvus.exceptions import MilvusException

        # Only now: importing pymilvus sets the levels of its loggers.
        _quiet_pymilvus()
        try:
            # A dedicated channel: a shared one would be closed under another archive's feet.
            self.client = MilvusClient(
                address,
                token=self._token,
                timeout=CONNECT_TIMEOUT_S,
                dedicated=True,
                server_pem_path=self._certificates,
            )
            self.version = str(self.client.get_server_version(timeout=CONNECT_TIMEOUT_S))
        except (MilvusException, grpc.RpcError) as error:
            self._stop_engine()
            told = self._translate(error, "connect", "")
            if isinstance(told, StoreUnreachable) and not self.embedded:
                trouble = find_trouble(self.uri, self._certificates)
                told = StoreError(trouble) if trouble else told
            raise told from error
        except BaseException:
            self._stop_engine()
            raise

    def _reopen(self, lost: Any) -> None:
        """Find another way to the embedded store, unless another thread has found one."""
        with self._reopening:
            if self.client is not lost:
                return
            # The lost client stays open: other threads may be waiting for its answers.
            self._connect()
            for prepare in list(self.on_reopened):
                prepare()

    def _translate(self, error: Exception, doing: str, where: str) -> Exception:
        import grpc

        code: Any = getattr(error, "code", None)
        if callable(code):
            code = code()
        text = str(getattr(error, "message", "") or error)
        away = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        if code in away or "Fail connecting" in text or "Retry timeout" in text:
            return StoreUnreachable(
                f"no Milvus answers at {self.uri} (could not {doing}); check that it runs there "
                "(docker compose ps) and the address in --uri or EIDETIC_URI, or leave both out "
                "for the embedded store"
            )
        if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
            return StoreError(
                f"Milvus at {self.uri} refuses the token (could not {doing}); set EIDETIC_TOKEN "
                "to USER:PASSWORD or an API key"
            )
        if where and _blames_filter(text):
            return UsageError(f"the filter {where!r} cannot be used: {text}")
        return StoreError(f"Milvus at {self.uri} could not {doing}: {text}")

    def _open_folder(self, folder: Path) -> str:
        """Return the address of the embedded store: its own here, or that of its owner."""
        from milvus_lite.exceptions import DataDirLockedError

        give_up = time.monotonic() + OWNER_TIMEOUT_S
        while True:
            try:
                self.owner = None
                return f"http://127.0.0.1:{self._start_engine(folder)}"
            except DataDirLockedError as error:
                # A process that has just locked the folder, or is letting go of it, has no note.
                self.owner = find_owner(folder)
                if self.owner is not None and _answers(self.owner.port):
                    return f"http://127.0.0.1:{self.owner.port}"
                if time.monotonic() > give_up:
                    raise StoreError(
                        f"{folder} is open in {_name(self.owner)}, which does not answer, and the "
                        "embedded store can be opened once only; end that process, or run a Milvus "
                        "server and give its --uri"
                    ) from error
            time.sleep(OWNER_PAUSE_S)

    def _start_engine(self, folder: Path) -> int:
        from milvus_lite.adapter.grpc.server import start_server_in_thread
        from milvus_lite.exceptions import DataDirLockedError, MilvusLiteError

        was_killed = lite.was_killed(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            server, db, port = start_server_in_thread(str(folder))
            self._engine = (server, db)
            announce(folder, port)
        except DataDirLockedError:
            raise
        except (MilvusLiteError, OSError, ValueError) as error:
            self._stop_engine()
            raise StoreError(
                f"the embedded store in {folder} cannot be opened: {error}; check the folder's "
                "permissions, or choose another with --data-dir"
            ) from error
        self.was_killed = was_killed
        return int(port)

    def _stop_engine(self) -> None:
        if self._engine is not None:
            server, db = self._engine
            self._engine = None
            withdraw(Path(self.uri))
            server.stop(grace=2).wait()
            db.close()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def _name(owner: Owner | None) -> str:
    return "another process" if owner is None else f"process {owner.pid}"


def _check_uri(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme not in URI_SCHEMES or not (parts.hostname or parts.scheme == "unix"):
        raise UsageError(
            f"{uri!r} is not the address of a Milvus server: it starts with one of "
            f"{', '.join(scheme + ':' for scheme in URI_SCHEMES)} (say http://localhost:19530), or "
            "is a folder that ends in .db for the embedded store"
        )
    return uri


def capabilities_of(version: str, *, embedded: bool) -> Capabilities:
    """BM25 functions came with Milvus 2.5, and the embedded store has them; vectors of half
    precision came with 2.4, and it has none.
    """
    numbers = version.lstrip("v").split("-")[0].split(".")
    try:
        major, minor = int(numbers[0]), int(numbers[1])
    except (ValueError, IndexError):
        major, minor = (0, 0)
    return Capabilities(
        bm25=embedded or (major, minor) >= (2, 5),
        float16=not embedded and (major, minor) >= (2, 4),
    )


def _blames_filter(text: str) -> bool:
    """Milvus has no error code of its own for a bad filter, so its words must tell."""
    signs = ("expression", "column", "parse", "unknown field", "unexpected", "query plan")
    return any(sign in text for sign in signs)


def _quiet_pymilvus() -> None:
    """Stop pymilvus and the embedded server from printing what they also raise or work around."""
    for name in ("pymilvus", "pymilvus.milvus_client", "milvus_lite", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
