"""What requests may say and what answers hold, for the schema that `/openapi.json` gives.

Answers are what `as_dict` of the Python face gives, sent as it is; these models describe it.
"""

from typing import Annotated, Any

from fastapi import Path, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from eidetic.server.problems import MEDIA_TYPE, Problem
from eidetic.server.settings import Limits
from schema.index import MAX_LIMIT
from search import DEFAULT_K, Sort

MAX_K = Limits().hits
MAX_WHERE_CHARS = 1000

ImageId = Annotated[
    str,
    Path(pattern="^[0-9a-f]{40}$", description="Id of a row, as hits have it."),
]


class SearchOptions(BaseModel):
    """Options of `Archive.search` that a request may set, by their names; one more is a field."""

    model_config = ConfigDict(extra="forbid")

    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description="How many hits.")
    offset: int = Field(0, ge=0, lt=MAX_LIMIT, description="How many of the best to pass over.")
    where: str = Field(
        "", max_length=MAX_WHERE_CHARS, description="A Milvus expression that rows must fulfil."
    )

    fold: bool = Field(False, description="Whether bursts and versions of one image are folded.")
    diversity: float | None = Field(
        None, ge=0, le=1, description="How much it counts that hits differ; null for not at all."
    )

    def as_options(self) -> dict[str, Any]:
        """Return them as arguments."""
        return self.model_dump(exclude={"q", "image", "url"})


class SearchQuery(SearchOptions):
    """A search by words."""

    q: str = Field("", description="A query in the language of docs/search.md.")
    words: bool = Field(True, description="Whether words are looked for in names and metadata too.")
    likely: bool = Field(
        False, description="Whether to leave out hits that are only the nearest there are."
    )
    sort: Sort = Field("score", description="In which order the likely hits come.")


class SearchForm(SearchQuery):
    """A search by images, words, or both."""

    image: list[UploadFile] = Field([], description="Image files to find the like of.")
    url: list[str] = Field([], description="Addresses of such; only where the server allows it.")


class Answer(BaseModel):
    """Base of what is answered; later versions may add to it."""

    model_config = ConfigDict(extra="allow")


class HitAnswer(Answer):
    """One hit; what is unknown is null."""

    rank: int
    id: str
    score: float | None
    likely: bool | None
    path: str
    view: str
    offset_ms: int
    width: int
    height: int
    format: str
    taken_at: int | None
    camera: str | None
    lat: float | None
    lon: float | None
    rating: int | None
    tags: list[str]


class SearchAnswer(Answer):
    """What `eidetic search --json` prints."""

    query: str
    model: str
    took_ms: float
    total_rows: int
    hits: list[HitAnswer]


class ShowAnswer(Answer):
    """What `eidetic show --json` prints."""

    id: str
    path: str
    indexed: bool
    row: dict[str, Any] | None
    file: dict[str, Any]
    journal: dict[str, Any] | None
    same_content: list[dict[str, Any]]


class StatusAnswer(Answer):
    """What `eidetic status --json` prints."""

    archive: str
    model: str
    dim: int
    rows: int


class WriterAnswer(Answer):
    """What is writing into an archive: see `eidetic.turns.Writer`."""

    pid: int
    doing: str
    since: str
    found: int
    total: int | None
    done: int


class ProgressAnswer(Answer):
    """``writer`` is null where nothing writes."""

    writer: WriterAnswer | None


class CountAnswer(Answer):
    """A value, and how many rows have it."""

    value: str
    count: int


class FacetsAnswer(Answer):
    """Counts by facet; ``complete`` says whether all rows were counted."""

    rows: int
    complete: bool
    facets: dict[str, list[CountAnswer]]


class SuggestionAnswer(Answer):
    """One way to go on; ``text`` replaces the query from ``start`` to ``end``."""

    kind: str
    text: str
    label: str
    count: int | None


class SuggestionsAnswer(Answer):
    """Ways to go on from the cursor."""

    start: int
    end: int
    suggestions: list[SuggestionAnswer]


class ZipRequest(BaseModel):
    """Images whose files are wanted in one zip."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[str, Field(pattern="^[0-9a-f]{40}$")]] = Field(
        min_length=1, max_length=Limits().zip_images
    )


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, as a problem document (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}


def answers(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with a model, or with a problem."""
    return {200: {"model": model}, **PROBLEMS}


def sends(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with a file, or with a problem."""
    content = {each: {"schema": {"type": "string", "format": "binary"}} for each in media_types}
    return {200: {"content": content, "description": "The file."}, **PROBLEMS}
