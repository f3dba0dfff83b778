"""The stages of a run as operators of a Ray Data set: many machines read, decode and embed.

    work list -> shares -> [read, hash, decode] -> [encode] -> outcomes -> indexer, writer, journal
    this process           Ray, see `ingest.ray_stages`         this process

Ray schedules the stages, moves pixels between them, holds the first back where the second is
slower, and gives the shares of a worker or a machine that was lost to another one. Only this
module imports ray. See docs/adr/0009-ray-runner.md.
"""

import logging
import pickle
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ingest.ray_stages import (
    OUTCOMES,
    SHARES,
    EncoderFacts,
    Encoding,
    Failed,
    Hints,
    Reading,
    Share,
)
from ingest.runner import Prepare, Task
from ingest.stages import Outcome, Preparation, Prepared, Recognised, Unrecognised
from ingest.worklist import WorkItem
from schema.errors import EideticError, UsageError

if TYPE_CHECKING:
    from pyarrow import Table
    from ray.data import Dataset

log = logging.getLogger(__name__)

WAVE_FILES = 1_000_000
"""Files of one data set. What Ray keeps of one in this process grows with its blocks, and starting
the workers anew is nothing beside the hours that so many images take."""

PACKED_SHARE_FILES = 10_000
"""Members of a packed file that are read together, by one worker: a tar is read from its start."""

READING_SHARE = 0.25
"""Of a CPU worker's cores, reserved for reading and decoding; the encoder has the rest. Measured:
decoding takes from a tenth (ViT-B/32) to a third (the built-in model) of the encoder's time."""

READING_THREADS = 4
"""Of one reading worker, where GPUs embed."""

KNOCK_S = 10.0

START_FAILURES = 3
"""Workers in a row that may die while they start, before the run is given up."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the stages lie on a cluster. CPUs are what is reserved, and may be fractions.

    Attributes:
        encoders: Workers that embed; so ``readers`` read and decode.
        encoder_threads: Cores that one forward pass takes.
        reader_threads: That read in one worker, and processes that decode.
    """

    encoders: int
    encoder_threads: int
    encoder_cpus: float
    encoder_gpus: int
    readers: int
    reader_threads: int
    reader_cpus: float

    @classmethod
    def of(cls, nodes: Sequence[Mapping[str, float]], workers: int | None) -> "Layout":
        """Lay the stages out.

        Args:
            nodes: What each machine has, by Ray's names.
            workers: Workers that embed; None for one on each machine, or on each GPU.

        Raises:
            UsageError: No machine has a CPU to give.
        """
        cpus = [node["CPU"] for node in nodes if node.get("CPU", 0) >= 1]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        if not cpus:
            raise UsageError("the Ray cluster has no CPU to give; start a node with --num-cpus")
        if gpus:
            encoders = min(workers or gpus, gpus)
            threads = max(1, min(READING_THREADS, int(min(cpus)) - 1))
            readers = max(1, int((sum(cpus) - encoders / 2) // threads))
            return cls(encoders, 1, 0.5, 1, readers, threads, min(threads, min(cpus) / 2))
        threads = int(min(cpus))
        encoders = sum(int(count // threads) for count in cpus)
        if workers is not None:
            encoders = workers
            threads = max(1, min(threads, int(sum(cpus) // workers)))
        # More workers than cores share them: reserved is what there is.
        reserved = threads * min(1.0, sum(cpus) / (encoders * threads))
        reading = READING_SHARE * reserved
        return cls(encoders, threads, reserved - reading, 0, encoders, threads, reading)


class RayRunner:
    """A Ray cluster, or Ray on this machine alone where there is none.

    Its workers are those that embed.
    """

    def __init__(self, address: str = "") -> None:
        """Connect to nothing yet.

        Args:
            address: ``HOST:PORT`` of the cluster's head; "" for a cluster that runs on this machine
                already, else for Ray on this machine for the time of the run. Ray that the process
                is connected to already is used as it is.

        Raises:
            UsageError: Ray is not installed, or the address is Ray Client's.
        """
        if address.startswith("ray://"):
            raise UsageError(
                f"--ray-address {address}: the process that keeps the journal has to be on the "
                "cluster's network; give the head's own address, HOST:PORT (6379 by default)"
            )
        self._ray = _import_ray()
        self._address = address

    @contextmanager
    def preparing(self, task: Task) -> Iterator[Prepare]:
        """See `ingest.runner.Runner.preparing`; outcomes come as they are done.

        Raises:
            UsageError: The cluster does not answer, or has no CPU.
        """
        with self._connected():
            layout = Layout.of(
                [node["Resources"] for node in self._ray.nodes() if node["Alive"]], task.workers
            )
            log.debug("on Ray: %s", layout)

            def prepare(items: Iterable[WorkItem], *, recognise: bool) -> Iterator[Outcome]:
                remaining = iter(items)
                while wave := tuple(islice(remaining, WAVE_FILES)):
                    yield from self._wave(wave, task, layout, recognise=recognise)

            yield prepare

    @contextmanager
    def _connected(self) -> Iterator[None]:
        if self._ray.is_initialized():
            yield
            return
        is_verbose = log.isEnabledFor(logging.DEBUG)
        try:
            self._knock()
            self._ray.init(
                self._address or None,
                include_dashboard=False,
                log_to_driver=is_verbose,
                logging_level=logging.INFO if is_verbose else logging.ERROR,
            )
        except (RuntimeError, ValueError, OSError) as error:
            where = self._address or "on this machine"
            raise UsageError(
                f"Ray cannot be reached or started ({where}): {error}; check --ray-address and "
                "RAY_ADDRESS with `ray status`, or use --runner local"
            ) from error
        try:
            yield
        finally:
            self._ray.shutdown()

    def _knock(self) -> None:
        """Raise `OSError` where nothing answers at the address: Ray itself would try for long."""
        host, colon, port = self._address.rpartition(":")
        if colon and port.isdigit():
            socket.create_connection((host, int(port)), timeout=KNOCK_S).close()

    def _wave(
        self, items: Sequence[WorkItem], task: Task, layout: Layout, *, recognise: bool
    ) -> Iterator[Outcome]:
        hints = Hints.of(task.journal) if recognise else Hints.none()
        dataset = self._dataset(items, task, layout, hints, recognise=recognise)
        blocks = iter(dataset.iter_batches(batch_size=None, batch_format="numpy"))
        idle = np.zeros(task.encoder.dim, dtype=np.float32)
        try:
            for block in blocks:
                for outcomes in block[OUTCOMES]:
                    for outcome in pickle.loads(outcomes):
                        if isinstance(outcome, Failed):
                            raise outcome.error
                        if task.dry_run and isinstance(outcome, Prepared):
                            outcome = replace(outcome, vector=idle)
                        yield _confirmed(outcome, task)
        except self._ray.exceptions.RayError as error:
            raise EideticError(f"the run failed on the Ray cluster: {error}") from error

    def _dataset(
        self,
        items: Sequence[WorkItem],
        task: Task,
        layout: Layout,
        hints: Hints,
        *,
        recognise: bool,
    ) -> "Dataset":
        from ray.data import ActorPoolStrategy, DataContext, from_blocks

        shares = [_block(share) for share in _shares(items, task)]
        batches = -(-len(items) // task.batch_size)
        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        # Each batch is a block of its own, and moves on as soon as it is there.
        context.target_max_block_size = 1
        context.max_consecutive_actor_init_deaths = START_FAILURES
        # A store that does not answer is given up by the writer, not by Ray.
        context.execution_no_progress_timeout_s = -1
        with DataContext.current(context):
            dataset: Dataset = from_blocks(shares)
            dataset = dataset.map_batches(
                Reading,
                fn_constructor_args=(Preparation.of(task.encoder, task.max_pixels), hints),
                fn_constructor_kwargs={
                    "threads": layout.reader_threads,
                    "batch_size": task.batch_size,
                    "recognise": recognise,
                    "embeds": not task.dry_run,
                },
                compute=ActorPoolStrategy(size=min(layout.readers, len(shares))),
                num_cpus=layout.reader_cpus,
                batch_size=None,
                batch_format="numpy",
            )
            if not task.dry_run:
                dataset = dataset.map_batches(
                    Encoding,
                    fn_constructor_args=(EncoderFacts.of(task.encoder),),
                    fn_constructor_kwargs={"threads": layout.encoder_threads},
                    compute=ActorPoolStrategy(size=min(layout.encoders, batches)),
                    num_cpus=layout.encoder_cpus,
                    num_gpus=layout.encoder_gpus or None,
                    batch_size=1,
                    batch_format="numpy",
                )
            return dataset


def _shares(items: Sequence[WorkItem], task: Task) -> Iterator[Share]:
    """Yield the items in shares, each of one root."""
    begin = 0
    while begin < len(items):
        root = items[begin].root
        most = PACKED_SHARE_FILES if root.packed[0] else task.batch_size
        end = begin + 1
        while end < len(items) and end - begin < most and items[end].root == root:
            end += 1
        share = tuple(items[begin:end])
        yield Share(share, task.journal.find_all(root.id, [item.file.path for item in share]))
        begin = end


def _block(share: Share) -> "Table":
    """Return a share as a block of one row."""
    from pyarrow import table

    return table({SHARES: [pickle.dumps(share, pickle.HIGHEST_PROTOCOL)]})


def _import_ray() -> ModuleType:
    """Return Ray.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(
            f"--runner ray needs Ray, which is not installed here ({error}); install it with: "
            "pip install 'eidetic[ray]'"
        ) from error
    # Its warnings are for authors of data sets; what fails is raised, and told once.
    logging.getLogger("ray.data").setLevel(
        logging.INFO if log.isEnabledFor(logging.DEBUG) else logging.CRITICAL
    )
    return ray


def _confirmed(outcome: Outcome, task: Task) -> Outcome:
    """Return an outcome with the journal's own word for what a worker had a hint of."""
    if not isinstance(outcome, Recognised) or outcome.source.row_id:
        return outcome
    source = task.journal.find_content(outcome.file.content)
    return Unrecognised(outcome.item) if source is None else replace(outcome, source=source)
