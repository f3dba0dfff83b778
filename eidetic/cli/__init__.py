"""The command line: where errors become messages and exit codes."""

import logging
import sys

GLOBAL_VALUES = frozenset({"--archive", "--data-dir", "--uri"})
GLOBAL_FLAGS = frozenset({"--json", "-q", "--quiet", "-v", "--verbose"})


def main() -> None:
    """Run the command of this process's arguments and exit with its code.

    The exit codes are those of `schema.errors`, 0 for success, and 130 after an interrupt.
    """
    from eidetic.cli.app import app

    try:
        app(hoist(sys.argv[1:]), prog_name="eidetic")
    except Exception as error:  # noqa: BLE001 - the edge: nothing may end in a bare traceback
        sys.exit(_report(error))


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
        elif argument in GLOBAL_FLAGS or argument.partition("=")[0] in GLOBAL_VALUES - {argument}:
            front.append(argument)
        elif argument in GLOBAL_VALUES and (value := next(queue, None)) is not None:
            front += [argument, value]
        else:
            rest.append(argument)
    return front + rest


def _report(error: Exception) -> int:
    from schema.errors import EideticError

    log = logging.getLogger("eidetic")
    if isinstance(error, EideticError):
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        log.debug("where it was raised", exc_info=error)
        return error.exit_code
    print(  # noqa: T201
        f"error: something nobody planned for: {type(error).__name__}: {error}\n"
        "Please report it with the output of the same command and -v.",
        file=sys.stderr,
    )
    log.debug("traceback", exc_info=error)
    return EideticError.exit_code
