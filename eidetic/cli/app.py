"""The `eidetic` command: its global options and the list of its commands."""

import gc
import logging
from typing import Annotated

import typer

from eidetic.cli import (
    about,
    care,
    compare,
    descriptions,
    fill,
    find,
    mcp,
    models,
    move,
    serve,
    tidy,
)
from eidetic.cli.options import Options

app = typer.Typer(
    name="eidetic",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Brackets in help texts are meant as they stand.
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The options of this page may also follow the command.",
)


SHORT = {"search", "similar"}
"""Commands that end before any garbage is worth being looked for."""

OBJECTS_PER_COLLECTION = 10_000
"""For the others. By its own default of 700, Python would look for garbage among the same lasting
objects time and again; to keep some thousand for a while longer does no harm."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"eidetic {version('eidetic')}")
        raise typer.Exit


@app.callback()
def shared(
    context: typer.Context,
    archive: Annotated[
        str | None, typer.Option(help="Archive to use. \\[env: EIDETIC_ARCHIVE]", metavar="NAME")
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(
            help="Folder that holds the archives. \\[env: EIDETIC_DATA_DIR]", metavar="DIR"
        ),
    ] = None,
    uri: Annotated[
        str | None,
        typer.Option(
            help="Address of a Milvus server, in place of the embedded store. \\[env: EIDETIC_URI]",
            metavar="URI",
        ),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(
            help="Replicas that a Milvus cluster is to load. \\[env: EIDETIC_REPLICAS]",
            metavar="N",
            min=1,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print results and errors only.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more, with tracebacks of errors.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Find images by words and by image, in archives of your own."""
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("eidetic").setLevel(level)
    for room in ("schema", "embed", "ingest", "search"):
        logging.getLogger(room).setLevel(logging.DEBUG if verbose else logging.WARNING)
    if context.invoked_subcommand not in SHORT and not gc.isenabled():
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        gc.enable()
    context.obj = Options(archive, data_dir, uri, replicas, json, quiet)


app.command("ingest")(fill.ingest)
app.command("search")(find.search)
app.command("similar")(find.similar)
app.command("classify")(compare.classify)
app.command("compare")(compare.compare)
app.add_typer(descriptions.descriptions)
app.command("duplicates")(tidy.duplicates)
app.command("tag")(tidy.tag)
app.command("status")(about.status)
app.add_typer(models.models)
app.command("show")(care.show)
app.command("doctor")(care.doctor)
app.add_typer(care.roots)
app.command("export")(move.export_rows)
app.command("import")(move.import_rows)
app.command("migrate")(move.migrate)
app.command("evaluate")(about.evaluate)
app.command("serve")(serve.serve)
app.command("mcp")(mcp.mcp)
app.command("demo")(fill.demo)
