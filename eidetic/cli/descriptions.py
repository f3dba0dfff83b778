"""Commands that look after the descriptions of an archive's images."""

import sys
from typing import Annotated

import typer

from eidetic.cli.options import open_archive, options
from eidetic.cli.output import print_facts, print_json

descriptions = typer.Typer(
    name="descriptions",
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@descriptions.callback(invoke_without_command=True)
def descriptions_shared(context: typer.Context) -> None:
    """Make what is written of the images searchable by what it means, with a model of sentences.

    That is each row's title, description, keywords, file and folder names, and place. The vectors
    are a second collection of the archive; `search --descriptions` asks it.

    Examples:
        eidetic descriptions refresh --model minilm

        eidetic descriptions

        eidetic search --descriptions "family holidays at the sea"
    """
    if context.invoked_subcommand is None:
        state(context)


@descriptions.command("state")
def state(context: typer.Context) -> None:
    """Tell with which model descriptions were made, and how many are not in step with the rows.

    Example:
        eidetic descriptions state --json
    """
    with open_archive(context) as archive:
        found = archive.descriptions().as_dict()
    if options(context).json:
        print_json(found)
        return
    print_facts((name.replace("_", " "), _shown(value)) for name, value in found.items())


@descriptions.command("refresh")
def refresh(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            help="Any model that takes words, see `eidetic models`; by default that of the "
            "descriptions there are, else minilm. Another model's descriptions are replaced.",
            metavar="SPEC",
        ),
    ] = None,
) -> None:
    """Embed texts that are new or have changed, and drop the descriptions of rows that are gone.

    Run it after an ingest. Ctrl-C keeps what was written.

    Examples:
        eidetic descriptions refresh

        eidetic descriptions refresh --model minilm-multilingual

        eidetic descriptions refresh --model builtin
    """
    with open_archive(context) as archive:
        report = archive.refresh_descriptions(model)
        status = archive.status().descriptions
    facts = report.as_dict()
    if status is not None:
        facts |= {"model": status.model, "collection": status.collection}
    if options(context).json:
        print_json(facts)
        return
    print_facts((name.replace("_", " "), _shown(value)) for name, value in facts.items())


@descriptions.command("drop")
def drop(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Drop an archive's descriptions. Rows and files stay.

    Example:
        eidetic descriptions drop --yes
    """
    from schema import UsageError

    with open_archive(context) as archive:
        held = archive.descriptions().status
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError(
                    f"this drops {held.rows:,} descriptions; say --yes if that is meant"
                )
            typer.confirm(f"Drop {held.rows:,} descriptions?", abort=True, err=True)
        count = archive.drop_descriptions()
    if options(context).json:
        print_json({"dropped": count})
    else:
        typer.echo(f"dropped {count:,} descriptions")


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
