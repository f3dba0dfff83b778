"""Ray on this machine alone, for the time of a run: `python -m ingest.ray_local`, started by
`local_cluster`.

Ray starts its processes by forking the one that asks for it. This one has threads, those of the
embedded store's gRPC among them, and a fork of such a process may never come to its end. So a fresh
process is the parent of Ray's; it ends them when its standard input does, however that happened.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex

from ingest.decoding_pool import import_path
from schema.errors import EideticError, UsageError

END_LIMIT_S = 30.0

MOST_SHOWN_CHARS = 2000


def claim_token() -> None:
    """Make a token without which nobody else gets into a cluster of this process.

    Ray reads it from the environment alone, and whether there is one while it is imported.

    Raises:
        UsageError: Ray has been imported already, for use without a token.
    """
    if "RAY_AUTH_MODE" not in os.environ and sys.modules.get("ray") is not None:
        raise UsageError(
            "Ray was imported before it could be given a token: set RAY_AUTH_MODE=token in the "
            "environment, or call ray.init() for the runner to use what is there"
        )
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", token_hex(32))


@contextmanager
def local_cluster(
    num_cpus: int | None = None, object_store_bytes: int | None = None
) -> Iterator[str]:
    """Start Ray, lend its address, and end it. `claim_token` comes before.

    Args:
        num_cpus: That it may give; by default all of the machine.
        object_store_bytes: Of memory for what waits between stages; by default Ray's own share.

    Raises:
        EideticError: It cannot be started; the message carries what it said.
    """
    options = {"num_cpus": num_cpus, "object_store_memory": object_store_bytes}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ingest.ray_local", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, "PYTHONPATH": import_path()},
            # Ctrl-C in a terminal goes to this process alone, which then ends Ray.
            start_new_session=True,
        )
        with process:
            try:
                if process.stdin is None or process.stdout is None:
                    raise EideticError("Ray's process was started without its pipes")
                address = process.stdout.readline().strip()
                if not address:
                    process.wait(END_LIMIT_S)
                    complaints.seek(0)
                    said = complaints.read()[-MOST_SHOWN_CHARS:].strip()
                    raise EideticError(f"Ray cannot be started on this machine: {said}")
                yield address
            finally:
                if process.stdin is not None:
                    with suppress(OSError):
                        process.stdin.close()
                try:
                    process.wait(END_LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def main() -> None:
    """Run Ray until standard input ends."""
    import ray

    ray.init(
        "local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        **json.loads(sys.argv[1]),
    )
    sys.stdout.write(f"{ray.get_runtime_context().gcs_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main()
