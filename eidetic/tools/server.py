"""The tools as a server of the Model Context Protocol: names, descriptions, schemas, contents."""

import base64
import json
import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent, ToolAnnotations
from pydantic import Field

from eidetic.tools.toolbox import (
    MAX_CLASSIFIED,
    MAX_IMAGES,
    MAX_K,
    MAX_LABELS,
    Answer,
    Toolbox,
)
from embed.thumbnail import MEDIA_TYPE
from schema import EideticError
from schema.index import MAX_LIMIT
from search import DEFAULT_K, DEFAULT_TEMPLATE

INSTRUCTIONS = """\
Eidetic finds images in an archive by what they show. The tools only read. Every hit has `id`, the \
id of its row, by which `similar`, `classify` and `show` take it; `path`, where its file is; and \
`score`, a cosine: compare scores within one answer only. `likely` is false where a hit is only \
the nearest there is and probably not what was asked for. `taken_at` is in milliseconds since 1970 \
of the camera's own clock."""

SEARCH = """\
Find images in the archive by words, by images, and by filters.

A query is free words that say what the images show ("two dogs on a beach"), in any language the \
archive's model knows, and these parts, with spaces between:
-word or -"two words"  leaves out what shows that; needs something to look for beside it
2:word, 0.5:"two words"  counts more or less
+ID  looks for the like of a row, by its id; -ID leaves out its like
date:2019..2021-06  camera:nikon  lens:sigma  in:holidays/  tag:beach  rating:>=4  \
near:48.85,2.35,10km  type:photo  format:heic  width:>=3000  height:  iso:  place:  country:  name:
name:a|b is a or b; -tag:beach is all others; quotes group words, also in tag:"the sea"
Filters alone list images, the newest first. An error says which part of the query does not fit.

Answers the command line's JSON, and small images of the first hits to look at: ranks are the \
model's opinion, so look before you claim what an image shows."""

SIMILAR = """\
Find the images most like one image, by how they look. The image itself, where it is in the \
archive, comes first with a score of 1. Answers as `search` does."""

CLASSIFY = """\
Tell which of some labels fits each image best: zero-shot classification by the archive's model. \
Scores are probabilities, the best label first; of most models they sum to 1 over the labels, so \
give a label for "none of these" where that can be."""

SHOW = """\
Tell everything known of one image, and show it: its date, camera, exposure, coordinates and \
place, rating, tags, size, whether its file is there and unchanged, and other rows of the same \
bytes."""

_BY_ID = "The id of a row, 40 hexadecimal digits as `search` answers them."
_BY_ID_OR_PATH = "The id of a row as `search` answers it, or the path of an image file."

_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

Count = Annotated[int, Field(ge=1, le=MAX_K, description="How many hits.")]
Offset = Annotated[
    int, Field(ge=0, le=MAX_LIMIT - MAX_K, description="Pass over this many of the best hits.")
]
Images = Annotated[
    int, Field(ge=0, le=MAX_IMAGES, description="How many of the first hits come with an image.")
]
Labels = Annotated[
    list[str],
    Field(min_length=1, max_length=MAX_LABELS, description='As in ["a dog", "a cat"].'),
]
Template = Annotated[str, Field(description="What is said of an image; {} stands for the label.")]


def build_server(toolbox: Toolbox) -> MCPServer[Any]:
    """Return a server with the four tools; what runs it chooses the transport.

    Every error of `schema.errors` becomes a tool error with its own text, for the model to read;
    any other becomes one that says nothing of its cause, and is logged.
    """
    server: MCPServer[Any] = MCPServer(
        "eidetic",
        title="Eidetic",
        version=version("eidetic"),
        instructions=f"{INSTRUCTIONS} The archive is called {toolbox.archive.settings.archive!r}.",
    )
    which = _BY_ID_OR_PATH if toolbox.local_files else _BY_ID
    Which = Annotated[str, Field(max_length=4096, description=which)]  # noqa: N806 - a type
    Several = Annotated[  # noqa: N806
        list[Which], Field(min_length=1, max_length=MAX_CLASSIFIED)
    ]

    # The function's annotations are the tool's input schema.
    @server.tool(title="Search images", description=SEARCH, annotations=_READS)
    def search(
        query: Annotated[str, Field(description="As in: dogs -people date:2019..2021")],
        k: Count = DEFAULT_K,
        offset: Offset = 0,
        images: Images = 5,
    ) -> CallToolResult:
        return _reply(lambda: toolbox.search(query, k=k, offset=offset, images=images))

    @server.tool(title="Find similar images", description=SIMILAR, annotations=_READS)
    def similar(
        image: Which, k: Count = DEFAULT_K, offset: Offset = 0, images: Images = 5
    ) -> CallToolResult:
        return _reply(lambda: toolbox.similar(image, k=k, offset=offset, images=images))

    @server.tool(title="Classify images", description=CLASSIFY, annotations=_READS)
    def classify(
        images: Several, labels: Labels, template: Template = DEFAULT_TEMPLATE
    ) -> CallToolResult:
        return _reply(lambda: toolbox.classify(images, labels, template=template))

    @server.tool(title="Show an image", description=SHOW, annotations=_READS)
    def show(image: Which) -> CallToolResult:
        return _reply(lambda: toolbox.show(image))

    return server


def _reply(ask: Callable[[], Answer]) -> CallToolResult:
    """Return an answer as the protocol's contents: JSON, its copy as text, then the images."""
    try:
        answer = ask()
    except EideticError as error:
        logging.getLogger("eidetic").debug("where it was raised", exc_info=error)
        raise ToolError(str(error)) from error
    # A byte of a path that is no UTF-8 cannot be sent; it becomes a question mark.
    text = json.dumps(answer.value, ensure_ascii=False).encode("utf-8", "replace").decode()
    contents: list[ContentBlock] = [TextContent(text=text)]
    for image in answer.images:
        contents += [
            _text(image.caption),
            ImageContent(data=base64.b64encode(image.webp).decode(), mime_type=MEDIA_TYPE),
        ]
    contents += [_text(note) for note in answer.notes]
    return CallToolResult(content=contents, structured_content=json.loads(text))


def _text(text: str) -> TextContent:
    return TextContent(text=text.encode("utf-8", "replace").decode())
