"""How many workers a Ray cluster is given for each stage, and what they reserve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schema.errors import UsageError

READING_SHARE = 0.25
"""Of a CPU worker's cores, reserved for reading and decoding; the encoder has the rest. Measured:
decoding takes from a tenth (ViT-B/32) to a third (the built-in model) of the encoder's time."""

READING_THREADS = 4
"""Of one reading worker, where GPUs embed."""


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
