"""Commands that tell about models."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from eidetic.cli.options import options
from eidetic.cli.output import human_bytes, print_facts, print_json, print_table

if TYPE_CHECKING:
    from eidetic.own_models import ListedModel
    from embed import Model

PUBLISHED = " text to image R@1"
"""Ends the name of the score that the table shows."""

models = typer.Typer(
    name="models",
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@models.callback(invoke_without_command=True)
def models_shared(context: typer.Context) -> None:
    """List the models that an archive or its descriptions can be made with, try one, name one.

    Any other dual encoder works by spec: open_clip:ARCH/PRETRAINED, hf:REPO_ID, or a local folder.
    With --json, specs and all published scores are listed too.

    Examples:
        eidetic models

        eidetic models check clip-b32

        eidetic models add mine ./my-checkpoint
    """
    if context.invoked_subcommand is None:
        list_models(context)


@models.command("list")
def list_models(context: typer.Context) -> None:
    """List the models, and which of them are on this machine already.

    The published score is the share of captions whose image is found first (recall at 1, text to
    image) on the named test set.

    Example:
        eidetic models list --json
    """
    from eidetic.own_models import list_models as listed

    found = listed()
    if options(context).json:
        print_json([each.as_dict() for each in found])
        return
    print_table(
        ("model", "dim", "parameters", "download", "licence", "languages", "published"),
        [
            (
                each.model.alias,
                str(each.model.dim or ""),
                f"{each.model.parameters / 1e6:.0f} M" if each.model.parameters else "",
                _download(each),
                each.model.licence,
                "sentences: " * (each.model.kind == "words") + each.model.languages,
                _published(each.model),
            )
            for each in found
        ],
        right=("dim", "parameters", "download"),
        fold="languages",
    )


@models.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name it shall have.")],
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="What it stands for.")],
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Do not load the model to see whether it works.")
    ] = False,
    licence: Annotated[str, typer.Option(help="For the list.", metavar="TEXT")] = "",
    languages: Annotated[str, typer.Option(help="For the list.", metavar="TEXT")] = "",
) -> None:
    """Give a model a name of your own, to be used wherever a model is named.

    It is kept in models.toml beside the settings file. The names that Eidetic ships stay its own.

    Examples:
        eidetic models add mine ./my-checkpoint --licence MIT

        eidetic models add small hf:someone/small-clip --no-check
    """
    from eidetic.own_models import add_model

    added = add_model(name, spec, check=not no_check, licence=licence, languages=languages)
    if options(context).json:
        print_json(asdict(added))
        return
    size = f", {added.dim} dimensions, {added.kind}" if added.dim else ", not tried"
    typer.echo(f"{added.name} is {added.spec}{size}")


@models.command("remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of your own.")],
) -> None:
    """Forget a name of your own. Archives that were made with the model go on working.

    Example:
        eidetic models remove mine
    """
    from eidetic.own_models import remove_model

    gone = remove_model(name)
    if options(context).json:
        print_json(asdict(gone))
    else:
        typer.echo(f"{gone.name} is forgotten; it was {gone.spec}")


@models.command("warm")
def warm(
    context: typer.Context,
    specs: Annotated[list[str], typer.Argument(metavar="SPEC...", help="Models, by any name.")],
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove what was prepared, to free the disk.")
    ] = False,
    single: Annotated[
        bool,
        typer.Option("--single", help="Images in single precision, also where half is faster."),
    ] = False,
) -> None:
    """Prepare models for this machine's processor, so that they start and run without torch.

    Done once for each model, in the user's cache; it takes as much disk as the model itself. A
    large ingest on a machine without a GPU does it by itself. Where the processor multiplies half
    precision faster, images are computed so, provided their vectors keep a cosine of 0.9995 with
    the model's own.

    Examples:
        eidetic models warm siglip2-b32-256

        eidetic models warm siglip2-b32-256 --single

        eidetic models warm siglip2-b32-256 --remove
    """
    from eidetic import warming

    if remove:
        gone = {spec: warming.cool(spec) for spec in specs}
        if options(context).json:
            print_json([{"model": spec, "removed": was_there} for spec, was_there in gone.items()])
            return
        for spec, was_there in gone.items():
            typer.echo(f"{spec}: removed" if was_there else f"{spec}: nothing was prepared")
        return
    done = [warming.warm(spec, single=single) for spec in specs]
    if options(context).json:
        print_json([each.as_dict() for each in done])
        return
    for each in done:
        when = f"in {each.seconds:.0f} s" if each.seconds else "before"
        typer.echo(f"{each.model}: prepared {when}, {human_bytes(each.size_bytes)} on disk")
        if each.half:
            typer.echo(
                f"images are computed in half precision: cosine to single {each.half_cosine:.5f}"
            )


@models.command("check")
def check(
    context: typer.Context,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A model, by any of its names.")],
) -> None:
    """Load a model, encode a few images and texts, and tell how fast that is.

    Examples:
        eidetic models check builtin

        eidetic models check ./my-checkpoint --json
    """
    from eidetic.own_models import spelled_out
    from embed import check_model

    found = check_model(spelled_out(spec))
    if options(context).json:
        print_json(found.as_dict())
        return
    words, images, size = "none: it takes images only", "none: it takes words only", "words"
    if found.texts_per_second is not None:
        words = f"{found.texts_per_second:,.1f}"
    if found.images_per_second is not None:
        images = f"{found.images_per_second:,.1f}, decoding not counted"
        size = f"{found.image_size} pixels"
    print_facts(
        [
            ("model", found.spec),
            ("dim", found.dim),
            ("input", size),
            ("pre-processing", found.fingerprint),
            ("loaded in", f"{found.load_s:.1f} s"),
            ("images per second", images),
            ("texts per second", words),
        ]
    )


def _download(listed: "ListedModel") -> str:
    if listed.on_disk:
        return "on disk"
    if listed.model.download_bytes:
        return human_bytes(listed.model.download_bytes)
    return "" if listed.on_disk is None else "not here"


def _published(model: "Model") -> str:
    shown = (
        f"{score:.3f} {name.removesuffix(PUBLISHED)}"
        for name, score in model.scores.items()
        if name.endswith(PUBLISHED)
    )
    return next(shown, "")
