"""HTTP/1.1 as uvicorn speaks it, with patience for headers that has an end."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def patient_protocol(header_time_s: float) -> type[H11Protocol]:
    """Return a protocol that closes connections whose headers take longer.

    uvicorn itself waits for ever for the headers of a connection's first request (and of a later
    one, once its first byte is there): some thousand idle connections would use up all that there
    may be ("slow loris").
    """

    class PatientProtocol(H11Protocol):
        _waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_or_not()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._wait_or_not()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _wait_or_not(self) -> None:
            if self.conn.their_state is not h11.IDLE:
                self._stop_waiting()
            elif self._waiting is None:
                # A byte more does not buy more time.
                self._waiting = self.loop.call_later(header_time_s, self._give_up)

        def _stop_waiting(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _give_up(self) -> None:
            self._waiting = None
            if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
                self.transport.close()

    return PatientProtocol
