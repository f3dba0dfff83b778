"""The command that offers an archive to language models."""

import sys
from typing import Annotated

import typer

from eidetic.cli.options import open_archive

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8485


def mcp(
    context: typer.Context,
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP, in place of stdin and stdout.")
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            help=f"Address to listen on, {DEFAULT_HOST} by default; any but this machine's own "
            "demands a token.",
            metavar="HOST",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help=f"Port to listen on, {DEFAULT_PORT} by default; 0 for any.", min=0, max=65535
        ),
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            help="What callers over HTTP must show as a bearer token; other users of this machine "
            "can read it here, and not in the environment. \\[env: EIDETIC_SERVE_TOKEN]",
            metavar="TOKEN",
            envvar="EIDETIC_SERVE_TOKEN",
            show_envvar=False,
        ),
    ] = "",
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="A host name by which callers over HTTP know this machine; may be repeated.",
            metavar="HOST",
        ),
    ] = None,
) -> None:
    r"""Offer search, similar, classify and show as tools, over the Model Context Protocol.

    Programs that work with language models start this command and talk to it over stdin and
    stdout, or reach it over HTTP at /mcp. The tools only read. Over stdin and stdout they take
    paths of image files; over HTTP images are named by the ids of rows alone.

    It is in the extra "mcp": pip install 'eidetic\[mcp]'.

    Examples:
        eidetic mcp

        eidetic --archive work mcp --http

        eidetic mcp --http --host 0.0.0.0 --name photos.example
    """
    from schema import UsageError

    if not http and (host is not None or port is not None or name):
        raise UsageError("--host, --port and --name belong to HTTP; add --http, or leave them out")
    try:
        from eidetic.tools.server import build_server
        from eidetic.tools.transports import run_http, run_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageError(
            "`eidetic mcp` needs the Model Context Protocol's SDK, which is not installed; install "
            "it with: pip install 'eidetic[mcp]'"
        ) from error
    from eidetic.tools import Toolbox

    with open_archive(context) as archive:
        toolbox = Toolbox(archive, local_files=not http)
        server = build_server(toolbox)
        if http:
            run_http(
                server,
                host=DEFAULT_HOST if host is None else host,
                port=DEFAULT_PORT if port is None else port,
                token=token,
                names=name or (),
            )
            return
        if sys.stdin is not None and sys.stdin.isatty():
            typer.echo("waiting for a program that speaks the protocol; Ctrl-C ends it", err=True)
        run_stdio(server)
