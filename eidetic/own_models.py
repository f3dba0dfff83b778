"""Models by names of one's own: a file beside the settings, which commands write.

A name of the catalogue always means the catalogue's model, also where the file has the same name.
"""

import logging
import re
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eidetic.settings import models_path
from embed import Model, is_on_disk, known_models, resolve
from embed.catalogue import HF, OPEN_CLIP, Kind
from schema import UsageError
from schema.atomic import write_atomically

log = logging.getLogger("eidetic")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

UNKNOWN = "unknown"

_KINDS: tuple[Kind, ...] = ("images and words", "images", "words")


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model under a name of one's own.

    Attributes:
        dim: Length of a vector; 0 where the model was never tried. So is ``image_size``, the pixels
            of the input's side.
        kind: What it takes, see `embed.catalogue.Kind`.
        licence: As it was given, or `UNKNOWN`; so with ``languages``.
    """

    name: str
    spec: str
    dim: int = 0
    image_size: int = 0
    kind: Kind = "images and words"
    licence: str = UNKNOWN
    languages: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A line of `eidetic models`.

    Attributes:
        on_disk: Whether its weights are on this machine; ``None`` where that cannot be told without
            loading open_clip.
        is_own: Whether it is one of the user's.
    """

    model: Model
    on_disk: bool | None
    is_own: bool

    def as_dict(self) -> dict[str, Any]:
        """Return every fact by name."""
        return self.model.as_dict() | {"on_disk": self.on_disk, "own": self.is_own}


def list_models() -> list[ListedModel]:
    """Return the catalogue, and then the user's own models.

    Raises:
        UsageError: The file of own models cannot be read.
    """
    shipped = known_models()
    listed = [ListedModel(m, not m.repo or is_on_disk(m.repo), False) for m in shipped]
    return listed + [_list_own(own, shipped) for own in load_own_models()]


def spelled_out(spec: str) -> str:
    """Return what a name of the user's own stands for, and any other spec as it is.

    Raises:
        UsageError: The file of own models cannot be read.
    """
    return next((own.spec for own in load_own_models() if own.name == spec), spec)


def add_model(
    name: str, spec: str, *, check: bool = True, licence: str = "", languages: str = ""
) -> OwnModel:
    """Give a model a name of one's own.

    Args:
        name: Letters, digits, dots, hyphens and underscores; none of the catalogue's.
        spec: What it stands for.
        check: Whether to load the model and encode a little with it.
        licence: For the list; so is ``languages``.

    Raises:
        UsageError: The name cannot be used, or is taken.
        ModelUnavailable: The spec is unknown or, if it is checked, does not work.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r}: the name of a model has letters, digits, dots, hyphens and underscores, at "
            "most 64, and begins with a letter or a digit"
        )
    if name in {model.alias for model in known_models()}:
        raise UsageError(f"{name!r} is the name of a model that Eidetic ships; choose another name")
    known = load_own_models()
    if name in {own.name for own in known}:
        raise UsageError(
            f"{name!r} is a model of yours already; drop it first: eidetic models remove {name}"
        )
    added = OwnModel(
        name,
        resolve(spelled_out(spec)),
        licence=licence or UNKNOWN,
        languages=languages or UNKNOWN,
    )
    if check:
        from embed import check_model

        found = check_model(added.spec)
        kind: Kind = "images and words" if found.takes_words else "images"
        added = replace(
            added,
            dim=found.dim,
            image_size=found.image_size or 0,
            kind=kind if found.takes_images else "words",
        )
    _save([*known, added])
    return added


def remove_model(name: str) -> OwnModel:
    """Forget a name of one's own. Archives made with the model keep it: they know its spec.

    Raises:
        UsageError: There is no such name, or it is not the user's.
    """
    known = load_own_models()
    gone = next((own for own in known if own.name == name), None)
    if gone is None:
        names = ", ".join(own.name for own in known) or "none"
        raise UsageError(f"{name!r} is no model of yours; yours are: {names}")
    _save([own for own in known if own is not gone])
    return gone


def load_own_models() -> tuple[OwnModel, ...]:
    """Read the file of own models; a missing one means none.

    Raises:
        UsageError: It cannot be read, or is of another form.
    """
    path = models_path()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise UsageError(f"models file {path}: cannot be read ({error})") from error
    found = [_read(path, name, table) for name, table in tables.items()]
    shipped = {model.alias for model in known_models()}
    for own in found:
        if own.name in shipped:
            log.warning("%s: %s is the name of a model that Eidetic ships", path, own.name)
    return tuple(own for own in found if own.name not in shipped)


def _read(path: Path, name: str, table: Any) -> OwnModel:
    try:
        own = OwnModel(name, **table)
    except TypeError as error:
        raise UsageError(
            f"models file {path}: [{name}] has a key that is not known, or no spec ({error})"
        ) from error
    texts, numbers = (own.spec, own.licence, own.languages), (own.dim, own.image_size)
    is_sound = all(isinstance(t, str) for t in texts) and all(type(n) is int for n in numbers)
    if not is_sound or own.kind not in _KINDS:
        raise UsageError(
            f"models file {path}: [{name}] has a value that cannot be used; spec, licence and "
            f"languages are texts, dim and image_size numbers, kind is one of {', '.join(_KINDS)}"
        )
    return own


def _save(models: list[OwnModel]) -> None:
    import tomlkit

    path = models_path()
    try:
        # What the user wrote around the entries stays.
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
        kept = {own.name for own in models}
        for name in [name for name in document if name not in kept]:
            document.remove(name)
        for own in models:
            if own.name not in document:
                facts = asdict(own)
                table = tomlkit.table()
                table.update({key: facts[key] for key in facts if key != "name"})
                document.append(own.name, table)
        write_atomically(path, tomlkit.dumps(document))
    except OSError as error:
        raise UsageError(
            f"models file {path}: cannot be written ({error.strerror}); check its folder's "
            "permissions"
        ) from error


def _list_own(own: OwnModel, shipped: tuple[Model, ...]) -> ListedModel:
    twin = next((model for model in shipped if model.spec == own.spec), None)
    repo = own.spec.removeprefix(HF) if own.spec.startswith(HF) else ""
    if twin is not None:
        model = replace(twin, alias=own.name)
        return ListedModel(model, not twin.repo or is_on_disk(twin.repo), True)
    model = Model(
        alias=own.name,
        spec=own.spec,
        dim=own.dim,
        image_size=own.image_size,
        parameters=0,
        licence=own.licence,
        languages=own.languages,
        description="Yours",
        repo=repo,
        kind=own.kind,
    )
    if repo:
        return ListedModel(model, is_on_disk(repo), True)
    return ListedModel(model, _is_file(own.spec), True)


def _is_file(spec: str) -> bool | None:
    """Whether the folder or checkpoint file of a spec is there; ``None`` where it names neither."""
    if not spec.startswith(OPEN_CLIP):
        return Path(spec).exists()
    weights = Path(spec.partition("/")[2])
    return weights.is_file() if weights.is_absolute() else None
