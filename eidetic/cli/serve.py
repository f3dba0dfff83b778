"""The command that serves an archive over HTTP."""

import logging
from typing import Annotated, Any

import typer

from eidetic.cli.options import open_archive


def serve(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on, 127.0.0.1 by default; one that is not this machine's own "
            "demands a token.",
            metavar="ADDRESS",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="8484 by default; 0 for any free.", metavar="N"),
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar="EIDETIC_SERVE_TOKEN",
            show_envvar=False,
            help="What requests must present. Other users of the machine see the options of "
            "commands: better set it by its variable. \\[env: EIDETIC_SERVE_TOKEN]",
            metavar="TOKEN",
        ),
    ] = "",
    allow_url: Annotated[
        bool,
        typer.Option("--allow-url", help="Fetch query images from public addresses of the web."),
    ] = False,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="A line of JSON per request on stderr; so does -v.")
    ] = False,
) -> None:
    """Serve an archive over HTTP until Ctrl-C: search, images, status.

    On this machine alone, unless --host says otherwise and a token is set. The API is described at
    /docs of the server, and in docs/server.md.

    Examples:
        eidetic serve

        eidetic --archive work serve --port 0

        EIDETIC_SERVE_TOKEN=$(openssl rand -hex 32) eidetic serve --host 0.0.0.0
    """
    from eidetic.server import ServerSettings
    from eidetic.server import serve as run

    given: dict[str, Any] = {"host": host, "port": port}
    given = {name: value for name, value in given.items() if value is not None}
    settings = ServerSettings(token=token, allow_url=allow_url, **given)
    if access_log:
        logging.getLogger("eidetic.server.access").setLevel(logging.DEBUG)
    with open_archive(context) as archive:
        name = archive.settings.archive

        def announce(address: str) -> None:
            typer.echo(f"archive {name!r} is served at {address} (Ctrl-C ends it)", err=True)

        run(archive, settings, announce)
