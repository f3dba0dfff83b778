"""Who may ask: the token, and the sessions that a browser is given for it."""

import hmac
import secrets
import threading
import time
from collections import deque

SESSION_S = 30 * 86_400
MAX_SESSIONS = 1000
"""The oldest makes room: more than the browsers of any group that shares a token."""

MAX_FAILURES, FAILURES_S = 10, 60.0
"""Wrong tokens at the login form within so many seconds, by anyone; then it answers no more."""


class Sessions:
    """Random ids, known to this process alone. Safe in many threads."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}
        self._failures: deque[float] = deque(maxlen=MAX_FAILURES)

    @property
    def are_needed(self) -> bool:
        """Whether there is a token at all."""
        return bool(self._token)

    def knows_token(self, presented: str) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), self._token)

    def knows_session(self, presented: str) -> bool:
        """Whether this is an id that was given out, and still counts."""
        with self._lock:
            ends = self._ends.get(presented)
            if ends is not None and ends < time.monotonic():
                del self._ends[presented]
                return False
            return ends is not None

    def log_in(self, presented: str) -> str | None:
        """Return a new id for the token, or ``None`` where it is not that."""
        if not self.knows_token(presented):
            with self._lock:
                self._failures.append(time.monotonic())
            return None
        session = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._ends) >= MAX_SESSIONS:
                del self._ends[next(iter(self._ends))]
            self._ends[session] = time.monotonic() + SESSION_S
        return session

    def log_out(self, presented: str) -> None:
        """Forget an id."""
        with self._lock:
            self._ends.pop(presented, None)

    @property
    def is_under_attack(self) -> bool:
        """Whether so many wrong tokens came lately that the form answers no more for a while."""
        with self._lock:
            return (
                len(self._failures) == MAX_FAILURES
                and time.monotonic() - self._failures[0] < FAILURES_S
            )
