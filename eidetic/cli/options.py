"""The options that every command shares, and the archive they name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from eidetic.archive import Archive
    from eidetic.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """What was given before the command; ``None`` where it was not."""

    archive: str | None = None
    data_dir: str | None = None
    uri: str | None = None
    replicas: int | None = None
    json: bool = False
    quiet: bool = False


def options(context: typer.Context) -> Options:
    """Return the shared options of the running command."""
    found = context.find_object(Options)
    return found if found is not None else Options()


def open_archive(
    context: typer.Context,
    *,
    model: str | None = None,
    text_model: str | None = None,
    index: str | None = None,
    vectors: str | None = None,
) -> "Archive":
    """Open the archive that the shared options name."""
    import eidetic

    given = options(context)
    return eidetic.open(
        given.archive,
        model=model,
        uri=given.uri,
        data_dir=given.data_dir,
        text_model=text_model,
        replicas=given.replicas,
        index=index,
        vectors=vectors,
    )


def settings_of(context: typer.Context) -> "Settings":
    """Return the settings of the archive that the shared options name."""
    from eidetic.settings import load_settings

    given = options(context)
    return load_settings({"archive": given.archive, "uri": given.uri, "data_dir": given.data_dir})
