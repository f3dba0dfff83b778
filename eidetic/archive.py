"""The Python face of Eidetic: open an archive, ingest into it, search it."""

from dataclasses import replace
from os import fspath

from eidetic.browsing import Browsing
from eidetic.caring import Caring
from eidetic.carrying import Carrying
from eidetic.describing import Describing
from eidetic.filling import Filling
from eidetic.finding import Finding
from eidetic.judging import Judging
from eidetic.opening import Opening
from eidetic.own_models import spelled_out
from eidetic.part import StrPath
from eidetic.presenting import Presenting
from eidetic.settings import Settings, load_settings
from eidetic.tidying import Tidying
from schema import Collection
from schema.archives import check_archive_name


def open(
    archive: str | None = None,
    *,
    model: str | None = None,
    uri: str | None = None,
    data_dir: StrPath | None = None,
    token: str | None = None,
    text_model: str | None = None,
    tls_ca: StrPath | None = None,
    replicas: int | None = None,
    index: str | None = None,
    vectors: str | None = None,
) -> "Archive":
    """Open an archive by name; nothing is read or made until it is used.

    What is not given comes from the environment, the settings file, then the defaults.

    Args:
        archive: Its name: a letter, then at most 63 letters, digits and underscores.
        model: Model spec for a new archive; an existing one knows its own and refuses another.
        uri: Address of a Milvus server; by default rows are embedded in the data folder.
        data_dir: Folder that holds a folder per archive.
        token: ``USER:PASSWORD`` or API key of the server.
        text_model: Spec of a model whose words ask the archive in the place of its own model's. It
            must share the archive's image tower, which the first search verifies.
        tls_ca: PEM file of the authorities that may have signed the server's certificate.
        replicas: In how many replicas the server, a cluster, is to load the archive.
        index: Index profile of a new archive: hnsw, ivf_sq8, flat, diskann.
        vectors: How precisely a new archive holds vectors: float32, float16.

    Raises:
        UsageError: A name or setting that cannot be used.
    """
    settings = load_settings(
        {
            "archive": archive,
            "uri": uri,
            "data_dir": None if data_dir is None else fspath(data_dir),
            "token": token,
            "text_model": text_model,
            "tls_ca": None if tls_ca is None else fspath(tls_ca),
            "replicas": None if replicas is None else str(replicas),
            "index": index,
            "vectors": vectors,
        }
    )
    settings = replace(
        settings,
        model=spelled_out(settings.model),
        text_model=spelled_out(settings.text_model),
    )
    return Archive(settings, model=None if model is None else spelled_out(model))


class Archive(
    Filling, Describing, Finding, Browsing, Presenting, Judging, Tidying, Caring, Carrying
):
    """An archive by name. Use it in a ``with`` statement, or `close` it.

    The store is opened by the first call that needs it and the model by the first that encodes;
    both stay open until `close`.
    """

    def __init__(self, settings: Settings, *, model: str | None = None) -> None:
        """Take the settings of an archive.

        Args:
            settings: Where it is; its model is that of a new archive.
            model: The model the archive must have; ``None`` for whichever it has.
        """
        check_archive_name(settings.archive)
        self.settings = settings
        self._opening = Opening(settings, model)

    def close(self) -> None:
        """Release the store; calling it twice is no error."""
        self._opening.close()

    @property
    def collection(self) -> Collection:
        """What the archive's collection says of itself: its model, dimension, index."""
        return self._opening.store().collection
