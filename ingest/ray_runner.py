"""The stages of a run as operators of a Ray Data set: many machines read, decode and embed.

    work list -> shares -> [read, hash, decode] -> [encode] -> outcomes -> indexer, writer, journal
    this process           Ray, see `ingest.ray_stages`         this process

Ray schedules the stages, moves pixels between them, holds the first back where the second is
slower, and gives the shares of a worker or a machine that was lost to another one. Only
this module and `ingest.ray_local` import ray. See docs/adr/0009-ray-runner.md.
"""

import logging
import pickle
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.ray_layout import Layout
from ingest.ray_local import claim_token, local_cluster
from ingest.ray_stages import (
    OUTCOMES,
    SHARES,
    EncoderFacts,
    Encoding,
    Failed,
    Hints,
    Reading,
    Share,
    eidetic_version,
)
from ingest.runner import Prepare, Task
from ingest.stages import Outcome, Preparation, Prepared, Recognised, Unrecognised
from ingest.worklist import WorkItem
from schema.errors import EideticError, UsageError

if TYPE_CHECKING:
    from pyarrow import Table
    from ray.data import Dataset

log = logging.getLogger(__name__)

WAVE_FILES = 500_000
"""Files of one data set. What this process keeps of one grows with its files, and starting the
workers anew is little beside the time that so many images take."""

PACKED_SHARE_FILES = 10_000
"""Members of a packed file that are read together, by one worker: a tar is read from its start."""

KNOCK_S = 10.0

START_FAILURES = 3
"""Workers in a row that may die while they start, before the run is given up."""


class RayRunner:
    """A Ray cluster, or Ray on this machine alone where there is none.

    Its workers are those that embed.
    """

    def __init__(self, address: str = "") -> None:
        """Connect to nothing yet.

        Args:
            address: ``HOST:PORT`` of the cluster's head, "auto" for a cluster of which this
                machine is a part; "" for Ray on this machine alone, for the time of the run. Ray
                that the process is connected to already is used as it is.

        Raises:
            UsageError: Ray is not installed, the address is Ray Client's, or see `claim_token`.
        """
        if address.startswith("ray://"):
            raise UsageError(
                f"--ray-address {address}: the process that keeps the journal has to be on the "
                "cluster's network; give the head's own address, HOST:PORT (6379 by default)"
            )
        if not address and not _is_connected():
            claim_token()
        self._ray = _import_ray()
        self._address = address

    @contextmanager
    def preparing(self, task: Task) -> Iterator[Prepare]:
        """See `ingest.runner.Runner.preparing`; outcomes come as they are done.

        Raises:
            UsageError: The cluster does not answer, or has no CPU.
        """
        with self._connected():
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
            self._inspect(nodes)
            layout = Layout.of([node["Resources"] for node in nodes], task.workers)
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
        with ExitStack() as at_the_end:
            address = self._address or at_the_end.enter_context(local_cluster())
            is_verbose = log.isEnabledFor(logging.DEBUG)
            try:
                self._knock()
                self._ray.init(
                    address,
                    log_to_driver=is_verbose,
                    logging_level=logging.INFO if is_verbose else logging.ERROR,
                )
            except (RuntimeError, ValueError, OSError) as error:
                raise UsageError(
                    f"the Ray cluster at {address} cannot be reached: {error}; check --ray-address "
                    "and RAY_ADDRESS with `ray status`, or use --runner local"
                ) from error
            at_the_end.callback(self._ray.shutdown)
            yield

    def _knock(self) -> None:
        """Raise `OSError` where nothing answers at the address: Ray itself would try for long."""
        host, colon, port = self._address.rpartition(":")
        if colon and port.isdigit():
            socket.create_connection((host, int(port)), timeout=KNOCK_S).close()

    def _inspect(self, nodes: Sequence[Mapping[str, Any]]) -> None:
        """Make sure that each machine has this Eidetic: a worker that cannot start for want of it
        would be started again without end.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        asked = {}
        for node in nodes:
            if node["Resources"].get("CPU", 0) >= 1:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                task = self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)
                asked[node["NodeManagerHostname"]] = task(eidetic_version).remote()
        here = eidetic_version()
        for host, answer in asked.items():
            try:
                found = self._ray.get(answer)
            except self._ray.exceptions.RayError as error:
                raise UsageError(
                    f"{host}, a machine of the Ray cluster, cannot run Eidetic: {error}; install "
                    f"Eidetic {here} there, with the same extras"
                ) from error
            if found != here:
                raise UsageError(
                    f"{host}, a machine of the Ray cluster, has Eidetic {found}, this one {here}; "
                    "install the same version on all"
                )

    def _wave(
        self, items: Sequence[WorkItem], task: Task, layout: Layout, *, recognise: bool
    ) -> Iterator[Outcome]:
        hints = Hints.of(task.journal) if recognise else Hints.none()
        dataset = self._dataset(items, task, layout, hints, recognise=recognise)
        pending = {_key(item): item for item in items}
        idle = np.zeros(task.encoder.dim, dtype=np.float32)
        try:
            for block in dataset.iter_batches(batch_size=None, batch_format="numpy"):
                for outcomes in block[OUTCOMES]:
                    for outcome in pickle.loads(outcomes):
                        if isinstance(outcome, Failed):
                            raise outcome.error
                        # What a lost worker had done may come twice.
                        if pending.pop(_key(outcome.item), None) is None:
                            continue
                        if task.dry_run and isinstance(outcome, Prepared):
                            outcome = replace(outcome, vector=idle)
                        yield _confirmed(outcome, task)
        except self._ray.exceptions.RayError as error:
            raise EideticError(f"the run failed on the Ray cluster: {error}") from error
        # A worker that does a share a second time may cut it into other batches, because a file
        # has changed; what then fell between two of them is no file that is gone.
        yield from map(Unrecognised, pending.values())

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


def _key(item: WorkItem) -> tuple[str, str]:
    return item.root.id, item.file.path


def _block(share: Share) -> "Table":
    """Return a share as a block of one row."""
    from pyarrow import table

    return table({SHARES: [pickle.dumps(share, pickle.HIGHEST_PROTOCOL)]})


def _is_connected() -> bool:
    """Whether the program that this is part of has connected to Ray itself."""
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


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
