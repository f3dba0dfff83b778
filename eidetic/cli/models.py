"""Commands that tell about models."""

from typing import Annotated

import typer

from eidetic.cli.options import options
from eidetic.cli.output import human_bytes, print_facts, print_json, print_table

models = typer.Typer(
    name="models",
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@models.callback(invoke_without_command=True)
def models_shared(context: typer.Context) -> None:
    """List the models that an archive can be made with, or try one.

    Any other dual encoder works by spec: open_clip:ARCH/PRETRAINED, hf:REPO_ID, or a local folder.
    With --json, specs and published scores are listed too.

    Examples:
        eidetic models

        eidetic models check clip-b32
    """
    if context.invoked_subcommand is None:
        list_models(context)


@models.command("list")
def list_models(context: typer.Context) -> None:
    """List the models, and which of them are on this machine already.

    Example:
        eidetic models list --json
    """
    from embed import catalogue, is_on_disk

    found = [(model, not model.repo or is_on_disk(model.repo)) for model in catalogue()]
    if options(context).json:
        print_json([model.as_dict() | {"on_disk": on_disk} for model, on_disk in found])
        return
    print_table(
        ("model", "dim", "parameters", "download", "licence", "languages"),
        [
            (
                model.alias,
                str(model.dim),
                f"{model.parameters / 1e6:.0f} M" if model.parameters else "",
                "on disk" if on_disk else human_bytes(model.download_bytes),
                model.licence,
                model.languages,
            )
            for model, on_disk in found
        ],
        right=("dim", "parameters", "download"),
        fold="languages",
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
    from embed import check_model

    found = check_model(spec)
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
