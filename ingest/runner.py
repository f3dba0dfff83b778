"""Who takes the files of a work list to what becomes of them: this machine, or a cluster.

Whichever it is, rows, journal and counts are made of the outcomes in one place,
`ingest.indexer`, and journal and store are used by this process alone.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from embed.encoder import Encoder
from ingest.decoding_pool import DecodingPool
from ingest.journal import Journal
from ingest.stages import Outcome, Preparation, Preparer, Reader, map_ahead
from ingest.worklist import WorkItem
from schema.errors import UsageError

MAX_WORKERS = 16

RUNNERS = ("local", "ray")


@dataclass(frozen=True, slots=True)
class Task:
    """What a run asks of a runner.

    Attributes:
        read: Gives the bytes of an item, see `ingest.sources.Source.read`.
        workers: See the runner; None for its default.
        batch_size: Images per call of the encoder.
        max_pixels: Limit of `embed.images.decode_image`.
        dry_run: Whether the encoder is a stand-in whose vectors nobody looks at.
    """

    encoder: Encoder
    journal: Journal
    read: Reader
    workers: int | None
    batch_size: int
    max_pixels: int
    dry_run: bool = False


class Prepare(Protocol):
    """Yields an outcome for each item, in any order; begins nothing before it is iterated."""

    def __call__(self, items: Iterable[WorkItem], *, recognise: bool) -> Iterator[Outcome]:
        """See `ingest.stages.Preparer`."""
        ...


class Runner(Protocol):
    """Where files are read, decoded and, if that is elsewhere, embedded."""

    def preparing(self, task: Task) -> AbstractContextManager[Prepare]:
        """Hold threads, processes and connections for a task; all have ended with the context."""
        ...


class LocalRunner:
    """Threads and processes of this machine; images are embedded by the caller.

    Its workers are the threads that read, and the processes that decode.
    """

    @contextmanager
    def preparing(self, task: Task) -> Iterator[Prepare]:
        """See `Runner.preparing`; outcomes come in the order of the items."""
        decoding = DecodingPool()
        workers = task.workers or default_workers()
        preparation = Preparation.of(task.encoder, task.max_pixels)
        preparer = Preparer(preparation, task.journal, decoding, task.read)
        # While the encoder is busy with one batch the workers make the next, and one more to
        # outlast a run of large files. Only prepared pixels wait here, never files or full images.
        look_ahead = 2 * task.batch_size + workers
        pool = ThreadPoolExecutor(workers, thread_name_prefix="eidetic-decode")

        def prepare(items: Iterable[WorkItem], *, recognise: bool) -> Iterator[Outcome]:
            return map_ahead(partial(preparer, recognise=recognise), items, pool, look_ahead)

        with ExitStack() as at_the_end:
            at_the_end.callback(pool.shutdown, cancel_futures=True)
            # First of all: threads may be waiting for a slow file.
            at_the_end.callback(decoding.close)
            yield prepare


def default_workers() -> int:
    """Return how many files are read and decoded at a time: one per core, and at least two.

    They idle as soon as the next batches are ready, so that they take from the encoder what
    decoding costs and no more; the second hides the waiting for a disk or a network.
    """
    return min(max(2, os.cpu_count() or 2), MAX_WORKERS)


def choose_runner(name: str, ray_address: str = "") -> Runner:
    """Return a runner by its name.

    Args:
        ray_address: See `ingest.ray_runner.RayRunner`.

    Raises:
        UsageError: There is none of that name.
    """
    if name == "local":
        return LocalRunner()
    if name == "ray":
        from ingest.ray_runner import RayRunner

        return RayRunner(ray_address)
    raise UsageError(f"runner {name!r}: there are {' and '.join(RUNNERS)}")
