"""Files of a model on the Hugging Face hub: from the cache where it has them, else downloaded.

Everything is fetched here and then loaded from the disk, because the libraries ask the hub about
each file by itself, five times over, and take a minute to say that there is no network.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from schema.errors import ModelUnavailable

TIMEOUT_S = 10.0
"""How long the hub may take to say what a repository holds."""

TOKENIZER = ("tokenizer.json", "*.model", "vocab.txt", "vocab.json")
"""Files of which a repository has one if it has a tokenizer, the best first."""

SETTINGS = ("*.json", "*.txt", "*.model")
"""What stands beside the weights: configuration, vocabulary, pre-processing."""

_WAY_OUT = "use a local folder with its files (--model FOLDER), or the built-in model "
_WAY_OUT += "(--model builtin)"


def fetch(repo_id: str, one_of: Sequence[str]) -> Path:
    """Return a folder that holds a repository's settings and one of some files.

    What is in the cache is used as it is, so that an archive's model does not change under it.

    Args:
        repo_id: ``owner/name``.
        one_of: Patterns, the best first, such as of weights in several formats; the first that
            matches anything is fetched.

    Raises:
        ModelUnavailable: The repository does not exist, lacks the files, or is neither in the
            cache nor to be reached.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    for pattern in one_of:
        cached = _cached(repo_id, pattern)
        if cached is not None:
            return cached
    # The boundary to the hub: its client raises its own errors, those of its HTTP library and
    # the operating system's, and all of them mean that the files cannot be had.
    try:
        siblings = HfApi().model_info(repo_id, timeout=TIMEOUT_S).siblings or []
        names = [Path(sibling.rfilename) for sibling in siblings]
        held = [p for p in one_of if any(len(n.parts) == 1 and n.match(p) for n in names)]
        if held:
            return Path(snapshot_download(repo_id, allow_patterns=[*SETTINGS, held[0]]))
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelUnavailable(
            f"the hub has no model {repo_id!r} that it shows to you; check the name, log in with "
            f"`hf auth login` if it is gated, or {_WAY_OUT}"
        ) from error
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(
            f"the model {repo_id!r} is not in the cache and cannot be downloaded ({reason}); "
            f"connect to the network, or {_WAY_OUT}"
        ) from error
    raise ModelUnavailable(
        f"{repo_id!r} on the hub holds none of {', '.join(one_of)}; choose another model, see "
        "`eidetic models`"
    )


def is_on_disk(repo_id: str) -> bool:
    """Return whether weights of a repository are in the cache; asks no network."""
    return any(_cached(repo_id, pattern) is not None for pattern in ("*.safetensors", "*.bin"))


def _cached(repo_id: str, pattern: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(repo_id, allow_patterns=[*SETTINGS, pattern], local_files_only=True)
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return folder if any(folder.glob(pattern)) else None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' warnings to themselves while a model is loaded; not for threads.

    What matters of them is in the exceptions. Without a handler on the root logger, the first
    line that open_clip logs there would install one for good.
    """
    root, hub = logging.getLogger(), logging.getLogger("huggingface_hub")
    levels = root.level, hub.level
    silence = logging.NullHandler()
    root.addHandler(silence)
    root.setLevel(logging.CRITICAL)
    hub.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(levels[0])
        hub.setLevel(levels[1])
        root.removeHandler(silence)
