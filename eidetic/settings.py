"""What a run was asked to use: flags over environment over settings file over defaults."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from platformdirs import user_config_path, user_data_path

from schema.errors import UsageError

DEFAULT_ARCHIVE = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """Read once at the edge; nothing below it reads the environment.

    Attributes:
        archive: Name of the archive.
        data_dir: Folder that holds a folder per archive.
        uri: Address of a Milvus server; "" for the embedded store in the data folder.
        token: ``USER:PASSWORD`` or API key of that server; "" for none.
        model: Model spec for a new archive; "" for the recommended one.
        text_model: Spec of the model whose words ask an archive; "" for the archive's own.
        tls_ca: PEM file of the authorities that may have signed the server's certificate; "" for
            the well-known ones.
        replicas: In how many replicas the server is to load the archive; 0 to leave it as it is.
        index: Name of the index profile of a new archive; "" for the default.
        vectors: How precisely a new archive holds vectors, "float32" or "float16"; "" for the
            first.
        runner: Where images are ingested: "local", or "ray".
        ray_address: See `ingest.ray_runner.RayRunner`.
    """

    archive: str = DEFAULT_ARCHIVE
    data_dir: Path = Path()
    uri: str = ""
    token: str = field(default="", repr=False)
    model: str = ""
    text_model: str = ""
    tls_ca: str = ""
    replicas: int = 0
    index: str = ""
    vectors: str = ""
    runner: str = "local"
    ray_address: str = ""

    @property
    def archive_dir(self) -> Path:
        """The archive's own folder: journal, roots and, when embedded, the rows."""
        return self.data_dir / self.archive

    @property
    def command(self) -> str:
        """How a person calls `eidetic` on this archive, for messages."""
        return "eidetic" if self.archive == DEFAULT_ARCHIVE else f"eidetic --archive {self.archive}"

    @property
    def roots_file(self) -> Path:
        """The list of the archive's roots."""
        return self.archive_dir / "roots.json"

    @property
    def journal_file(self) -> Path:
        """What the archive knows of every file it has seen."""
        return self.archive_dir / "journal.sqlite"

    @property
    def next_journal_file(self) -> Path:
        """The same of the collection that a migration fills."""
        return self.archive_dir / "journal.next.sqlite"

    @property
    def migration_file(self) -> Path:
        """What is migrating the archive, beside which others may write into it."""
        return self.archive_dir / "migration.lock"

    @property
    def writer_file(self) -> Path:
        """What is writing into the archive, see `eidetic.turns`."""
        return self.archive_dir / "writer.lock"

    @property
    def text_models_file(self) -> Path:
        """The models of other words that were found to share the archive's images."""
        return self.archive_dir / "text_models.json"

    @property
    def served_file(self) -> Path:
        """Where a running server of the archive answers, see `eidetic.served`."""
        return self.archive_dir / "server.note"

    @property
    def store_uri(self) -> str:
        """Where the rows are."""
        return self.uri or str(self.archive_dir / "milvus.db")


def settings_path() -> Path:
    """Return where the settings file is looked for."""
    return user_config_path("eidetic") / "settings.toml"


def models_path() -> Path:
    """Return where the user's own names of models are."""
    return settings_path().with_name("models.toml")


def load_settings(
    flags: Mapping[str, str | None],
    environ: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """Return the settings of one run.

    Args:
        flags: Values by the names of `Settings`; ``None`` or "" for those not given.
        environ: Read for EIDETIC_ARCHIVE, EIDETIC_DATA_DIR, EIDETIC_URI, EIDETIC_TOKEN,
            EIDETIC_MODEL, EIDETIC_TEXT_MODEL, EIDETIC_TLS_CA, EIDETIC_REPLICAS, EIDETIC_INDEX,
            EIDETIC_VECTORS, EIDETIC_RUNNER and EIDETIC_RAY_ADDRESS; for the last, Ray's own
            RAY_ADDRESS will do.
        file: The settings file, that of `settings_path` by default; it need not exist.

    Raises:
        UsageError: The file cannot be read, or has a key or a value that is not known.
    """
    names = [field.name for field in fields(Settings)]
    values = _read_file(file or settings_path(), names)
    if environ.get("RAY_ADDRESS"):
        values["ray_address"] = environ["RAY_ADDRESS"]
    values |= {n: v for n in names if (v := environ.get(f"EIDETIC_{n.upper()}"))}
    values |= {n: v for n in names if (v := flags.get(n))}
    folder = values.pop("data_dir", "")
    try:
        data_dir = Path(folder).expanduser().absolute() if folder else user_data_path("eidetic")
    except RuntimeError as error:
        raise UsageError(f"data folder {folder}: there is no such user; give its path") from error
    return Settings(data_dir=data_dir, replicas=_replicas(values.pop("replicas", "0")), **values)


def _replicas(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"replicas {text!r}: must be a whole number; leave it out for one")
    return int(text)


def _read_file(path: Path, names: list[str]) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"settings file {path}: cannot be read ({error})") from error
    for name, value in values.items():
        if name not in names:
            raise UsageError(
                f"settings file {path}: unknown key {name!r}; known: {', '.join(names)}"
            )
        if not isinstance(value, str):
            raise UsageError(f"settings file {path}: {name} must be a text in quotes")
    return values
