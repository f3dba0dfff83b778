"""The command line: where errors become messages and exit codes."""

import gc
import logging
import os
import re
import sys

from eidetic.cli.stdout import OutputLost, replace_stdout

GLOBAL_VALUES = frozenset({"--archive", "--data-dir", "--uri", "--replicas"})
WITH_QUERY = frozenset({"search", "duplicates", "tag"})
"""Commands that take parts of the query language."""

SEARCH_VALUES = frozenset(
    {"--image", "--where", "--offset", "--count", "--sort", "-k", "--diversity", "--text-model"}
    | {"--copy-to", "--link-to", "--gallery", "--labels", "--template", "--threshold"}
)
EXCLUDED = re.compile(r"""-(?!k[0-9]+$)([^\W\d_].|[./~"])""", re.DOTALL)
"""What begins with one hyphen and is too long for an option of one letter, save for ``-k10``."""

CARET_CONTEXT = 60
"""Characters of a query shown on each side of its error."""

GLOBAL_FLAGS = re.compile("--json|--quiet|--verbose|-[qv]+")


def main() -> None:
    """Run the command of this process's arguments and end the process with its code."""
    # Python would look for garbage hundreds of times among what imports leave for good.
    gc.disable()
    replace_stdout()
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            # stderr is None where the caller has closed it.
            if stream is not None:
                stream.flush()
        except OutputLost as error:
            code = code or _report(error)
        except OSError:
            # Whoever read the output has gone.
            code = code or 1
    # All is closed and written. Taking down numpy, pandas, Arrow and gRPC module by module would
    # cost a search a quarter of its time.
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code.

    The codes are those of `schema.errors`, 0 for success, and 130 after an interrupt.
    """
    from eidetic.cli.app import app

    try:
        app(hoist(arguments), prog_name="eidetic")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0 if done.code is None else 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the edge: nothing may end in a bare traceback
        return 130 if _was_interrupted(error) else _report(error)
    return 0


def _was_interrupted(error: BaseException) -> bool:
    """Whether it comes of Ctrl-C: extension modules that were being imported make it their own."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, KeyboardInterrupt):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def hoist(arguments: list[str]) -> list[str]:
    """Move the global options before the command, so that they may be given anywhere.

    What follows ``--`` stays where it is.
    """
    front: list[str] = []
    rest: list[str] = []
    queue = iter(arguments)
    for argument in queue:
        if argument == "--":
            rest += [argument, *queue]
        elif GLOBAL_FLAGS.fullmatch(argument) or (
            "=" in argument and argument.partition("=")[0] in GLOBAL_VALUES
        ):
            front.append(argument)
        elif argument in GLOBAL_VALUES and (value := next(queue, None)) is not None:
            front += [argument, value]
        else:
            rest.append(argument)
    return front + (shield(rest) if rest and rest[0] in WITH_QUERY else rest)


def shield(arguments: list[str]) -> list[str]:
    """Move the parts of a query that look like options ("-people") behind ``--``.

    What is left out may stand anywhere in a query, so that its order does not matter.
    """
    kept: list[str] = []
    excluded: list[str] = []
    queue = iter(arguments)
    for argument in queue:
        if argument == "--":
            excluded += queue
        elif argument in SEARCH_VALUES:
            kept += [argument, *[value for value in [next(queue, None)] if value is not None]]
        elif EXCLUDED.match(argument):
            excluded.append(argument)
        else:
            kept.append(argument)
    return [*kept, "--", *excluded] if excluded else kept


def _report(error: Exception) -> int:
    from schema.errors import EideticError

    log = logging.getLogger("eidetic")
    if isinstance(error, EideticError):
        print(f"error: {error}{_pointed(error)}", file=sys.stderr)  # noqa: T201
        log.debug("where it was raised", exc_info=error)
        return error.exit_code
    if isinstance(error, OutputLost):
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return EideticError.exit_code
    print(  # noqa: T201
        f"error: something nobody planned for: {type(error).__name__}: {error}\n"
        "Please report it with the output of the same command and -v.",
        file=sys.stderr,
    )
    log.debug("traceback", exc_info=error)
    return EideticError.exit_code


def _pointed(error: Exception) -> str:
    """Return the query with a caret under the character an error is about, on lines of their own.

    Only an error about a query has both; the room that knows queries need not be imported here.
    """
    query, position = getattr(error, "query", None), getattr(error, "position", None)
    if not isinstance(query, str) or not isinstance(position, int):
        return ""
    start = max(0, position - CARET_CONTEXT)
    shown = "".join(c if c.isprintable() else " " for c in query[start : position + CARET_CONTEXT])
    return f"\n  {shown}\n  {' ' * _columns(shown[: position - start])}^"


def _columns(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
