"""A process that exports one model for another one.

    python -m embed.exporting_worker SPEC FOLDER

FOLDER is an empty one. The last line of standard output says what went wrong. Started by
`embed.exporting` only.
"""

import sys
from pathlib import Path

from embed.exporting import write_export
from embed.load import load_encoder
from schema.errors import EideticError


def main() -> None:
    """Export the model of this process's arguments."""
    spec, folder = sys.argv[1], Path(sys.argv[2])
    try:
        write_export(load_encoder(spec, device="cpu"), folder)
    except EideticError as error:
        print(error)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
