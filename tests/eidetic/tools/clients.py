"""Clients of the protocol's own SDK, for tests that are not asynchronous themselves."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp_types import CallToolResult, ImageContent, TextContent

EIDETIC = str(Path(sys.executable).with_name("eidetic"))

DEADLINE_S = 60


def ask(client: Client, doing: Callable[[Client], Awaitable[Any]]) -> Any:
    """Connect, do something, disconnect; never wait for ever."""

    async def main() -> Any:
        with anyio.fail_after(DEADLINE_S):
            async with client:
                return await doing(client)

    return anyio.run(main)


def environ(tmp_path: Path) -> dict[str, str]:
    """What a command sees: an archive folder of its own, and no settings of whoever runs tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EIDETIC_")}
    return kept | {"EIDETIC_DATA_DIR": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path)}


def texts(result: CallToolResult) -> list[str]:
    return [content.text for content in result.content if isinstance(content, TextContent)]


def images(result: CallToolResult) -> list[ImageContent]:
    return [content for content in result.content if isinstance(content, ImageContent)]


def value(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, texts(result)
    assert result.structured_content is not None
    return result.structured_content
