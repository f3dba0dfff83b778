"""What machines of a cluster do with files: read and decode them, and embed their images.

These are the operators of `ingest.ray_runner`'s data set. Ray makes each of them once per worker
process and calls it with one block after another. A block has one column of bytes, pickled by this
module on the same cluster; an image's pixels pass from the first stage to the second, and never
through the process that holds the journal.
"""

import pickle
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from embed.encoder import Encoder
from embed.load import load_encoder
from ingest.decoding_pool import DecodingPool
from ingest.entries import Entry
from ingest.journal import Journal
from ingest.names import compile_excluded
from ingest.reading import FileContents
from ingest.scopes import Scope
from ingest.sources import Sources
from ingest.stages import Outcome, Preparation, Prepared, Preparer, map_ahead
from ingest.worklist import WorkItem
from schema.errors import ArchiveMismatch, EideticError
from schema.roots import Root

SHARES, OUTCOMES = "shares", "outcomes"
"""The column of what goes into the first stage, and of what comes out of each."""

Block = dict[str, NDArray[np.object_]]

MOST_OUTCOMES = 256
"""Files that need no encoder are handed on in blocks of this number."""


@dataclass(frozen=True, slots=True)
class Share:
    """Files that are read by one worker.

    Attributes:
        before: What the journal says of those that it knows, by their paths.
    """

    items: tuple[WorkItem, ...]
    before: Mapping[str, Entry]


@dataclass(frozen=True, slots=True, eq=False)
class Hints:
    """What the journal knew of contents when the work was handed out.

    They spare work, and nothing more: what is made of them is asked of the journal again.

    Attributes:
        indexed: Short hashes of the contents that have a row, see `short_hash`: shape (n,),
            uint64, in order.
        kept: Contents whose vectors the journal keeps.
    """

    indexed: NDArray[np.uint64]
    kept: frozenset[str]

    @classmethod
    def none(cls) -> "Hints":
        """Return hints of an archive that knows nothing."""
        return cls(np.empty(0, np.uint64), frozenset())

    @classmethod
    def of(cls, journal: Journal) -> "Hints":
        """Return what a journal knows, in eight bytes a row."""
        found = np.fromiter(map(short_hash, journal.indexed_contents()), np.uint64)
        return cls(found, journal.kept_contents())

    def has_row(self, content: str) -> bool:
        """Whether some bytes have a row, in all likelihood."""
        wanted = np.uint64(short_hash(content))
        at = int(np.searchsorted(self.indexed, wanted))
        return at < len(self.indexed) and bool(self.indexed[at] == wanted)


def short_hash(content: str) -> int:
    """Return the first 64 bits of a content hash; they order as the hashes do."""
    return int(content[:16], 16)


@dataclass(frozen=True, slots=True)
class Failed:
    """An error that ends the run, in place of the outcomes it came before."""

    error: EideticError


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """What an encoder elsewhere must be, for its vectors to fit.

    Attributes:
        spec: The model spec that loads it; ``dim`` and ``fingerprint`` as `Encoder` has them.
    """

    spec: str
    dim: int
    fingerprint: str

    @classmethod
    def of(cls, encoder: Encoder) -> "EncoderFacts":
        """Return the facts of an encoder of this process."""
        return cls(encoder.spec, encoder.dim, encoder.fingerprint)


class Reading:
    """The first stage: shares of files become outcomes, with pixels where there is to embed."""

    def __init__(
        self,
        preparation: Preparation,
        hints: Hints,
        *,
        threads: int,
        batch_size: int,
        recognise: bool,
        embeds: bool,
    ) -> None:
        """Start nothing yet.

        Args:
            threads: That read, and processes that decode.
            batch_size: Images handed on together.
            recognise: See `ingest.stages.Preparer`.
            embeds: Whether pixels are handed on at all.
        """
        self._preparation = preparation
        self._hints = hints
        self._batch_size = batch_size
        self._recognise = recognise
        self._embeds = embeds
        self._look_ahead = batch_size + threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="eidetic-decode")
        self._decoding = DecodingPool()
        self._bytes = _Bytes()

    def __call__(self, block: Block) -> Iterator[Block]:
        """Yield blocks of outcomes as soon as each is full."""
        for share in block[SHARES]:
            try:
                yield from map(packed, self._batches(pickle.loads(share)))
            except EideticError as error:
                yield packed([Failed(error)])

    def _batches(self, share: Share) -> Iterator[list[Outcome]]:
        prepare = Preparer(
            self._preparation, _Sent(share, self._hints), self._decoding, self._bytes.read
        )
        batch: list[Outcome] = []
        images = 0

        def prepared(item: WorkItem) -> Outcome:
            return prepare(item, recognise=self._recognise)

        for outcome in map_ahead(prepared, share.items, self._pool, self._look_ahead):
            if isinstance(outcome, Prepared):
                if not self._embeds or outcome.content in self._hints.kept:
                    outcome = _without_pixels(outcome)
                else:
                    images += 1
            batch.append(outcome)
            if images >= self._batch_size or len(batch) >= MOST_OUTCOMES:
                yield batch
                batch, images = [], 0
        if batch:
            yield batch


class Encoding:
    """The second stage: pixels become vectors. It loads its model once."""

    def __init__(self, facts: EncoderFacts, *, threads: int) -> None:
        """Load the model; should that fail, each block says so.

        Args:
            threads: Cores that one forward pass takes.
        """
        try:
            encoder = _load_same(facts, threads)
        except EideticError as error:
            self._failure: EideticError | None = error
        else:
            self._failure, self._encoder = None, encoder

    def __call__(self, block: Block) -> Block:
        """Return the block with vectors in place of pixels."""
        done = [self._encoded(pickle.loads(outcomes)) for outcomes in block[OUTCOMES]]
        return packed(*done)

    def _encoded(self, outcomes: Sequence[Outcome | Failed]) -> Sequence[Outcome | Failed]:
        pixels = {
            outcome.content: outcome.pixels
            for outcome in outcomes
            if isinstance(outcome, Prepared) and outcome.pixels is not None
        }
        if not pixels:
            return outcomes
        if self._failure is not None:
            return [Failed(self._failure)]
        try:
            found = self._encoder.encode_images(list(pixels.values()))
        except EideticError as error:
            return [Failed(error)]
        vectors = dict(zip(pixels, found, strict=True))
        return [
            replace(_without_pixels(outcome), vector=vectors[outcome.content])
            if isinstance(outcome, Prepared) and outcome.pixels is not None
            else outcome
            for outcome in outcomes
        ]


def packed(*batches: Iterable[Outcome | Failed]) -> Block:
    """Return a block of a row for each batch."""
    column = np.empty(len(batches), dtype=np.object_)
    column[:] = [pickle.dumps(list(batch), pickle.HIGHEST_PROTOCOL) for batch in batches]
    return {OUTCOMES: column}


class _Sent:
    """What was sent along of the journal, see `ingest.stages.Known`."""

    def __init__(self, share: Share, hints: Hints) -> None:
        self._before = share.before
        self._hints = hints

    def find(self, root: str, path: str) -> Entry | None:  # noqa: ARG002  # of the share's root
        return self._before.get(path)

    def find_content(self, content: str) -> Entry | None:
        """Return an entry that names no file: which one it is, the journal knows."""
        if not self._hints.has_row(content):
            return None
        return Entry("", "", 0, 0, 0, "indexed", content, "", "", "", 0, 0)


class _Bytes:
    """Reads files as the machine with the journal would."""

    def __init__(self) -> None:
        # A journal that knows nothing, so that a packed file is listed when it is first needed.
        with (
            TemporaryDirectory() as folder,
            Journal.open(Path(folder) / "journal.sqlite", "") as empty,
        ):
            self._sources = Sources(empty.rehearse())
        self._listed: set[Root] = set()
        self._lock = threading.Lock()

    def read(self, item: WorkItem) -> FileContents:
        """See `ingest.sources.Source.read`."""
        if item.root.packed[0]:
            with self._lock:
                if item.root not in self._listed:
                    for _ in self._sources.walk(Scope(item.root), compile_excluded(())):
                        pass
                    self._listed.add(item.root)
        return self._sources.read(item)


def _without_pixels(prepared: Prepared) -> Prepared:
    return replace(prepared, decoded=replace(prepared.decoded, pixels=None))


def eidetic_version() -> str:
    """Return the version of Eidetic on this machine."""
    return version("eidetic")


def _load_same(facts: EncoderFacts, threads: int) -> Encoder:
    """Load an encoder, and make sure that it gives the vectors that another process expects."""
    encoder = load_encoder(facts.spec, threads=threads)
    if (encoder.dim, encoder.fingerprint) != (facts.dim, facts.fingerprint):
        raise ArchiveMismatch(
            f"a machine of the cluster has another state of the model {facts.spec} "
            f"({encoder.fingerprint}, {encoder.dim} dimensions; here it is {facts.fingerprint} "
            f"with {facts.dim}); give all the same files and versions"
        )
    return encoder
