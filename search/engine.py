"""From a query to the rows that answer it."""

from collections.abc import Callable
from functools import partial

import numpy as np

from embed.encoder import Encoder, TextEncoder, unit
from embed.resizing import Pixels
from embed.scoring import takes_no_images
from schema.errors import ImageUnreadable, NoUsableImage, UsageError
from schema.records import ImageRecord, Match, Vector
from schema.store import Store
from search.calibration import Calibration
from search.exclusion import Exclusion
from search.fusion import Keep, Nearest, fuse
from search.lexical import rank_by_words
from search.listing import list_rows
from search.page import select
from search.query import Image, PreparedImage, Query, Row, Term, Text
from search.relevance import Judged, draw_line, rows_tell

LoadEncoder = Callable[[], TextEncoder]
"""Returns the encoder, loading it at the first call. Only an `Encoder` can be asked for images."""


def answer(
    query: Query,
    *,
    store: Store,
    encoder: LoadEncoder,
    calibration: Calibration | None = None,
    with_vectors: bool = False,
) -> list[Judged] | list[ImageRecord]:
    """Return what a query asks for: matches by score, or rows by date where it has no terms."""
    if query.terms:
        return search(
            query,
            store=store,
            encoder=encoder,
            calibration=calibration,
            with_vectors=with_vectors,
        )
    return list_rows(query, store=store)


def search(
    query: Query,
    *,
    store: Store,
    encoder: LoadEncoder,
    calibration: Calibration | None = None,
    with_vectors: bool = False,
) -> list[Judged]:
    """Return the matches of a query with terms in its order, each judged.

    Args:
        encoder: Called only where words or an image must be encoded.
        calibration: What is kept from query to query; ``None`` to keep nothing.
        with_vectors: Whether the caller will ask for the vectors of all matches.

    Raises:
        UsageError: A row or the filter is unknown to the store, or the terms cancel out.
        NoUsableImage: A query image cannot be decoded.
        StoreError: The store does not answer, or answers with an error.
    """
    calibration = calibration or Calibration()
    wanted = embed_query(query, store=store, encoder=encoder)
    told = rows_tell(query, store, encoder)
    with_vectors = with_vectors or not told
    aim, nearest = wanted, _nearest(query, wanted, store, with_vectors=with_vectors)
    keep: Keep = _all
    if query.excluded:
        excluded = np.stack([_embed(term, store, encoder) for term in query.excluded])
        sample = calibration.sample(store).vectors
        exclusion = Exclusion(query, wanted, excluded, store=store, sample=sample)
        aim, nearest, keep = exclusion.aim, exclusion.nearest, exclusion.keep
    lists = rank_by_words(query, store)
    ranked = partial(fuse, lists, aim=aim, nearest=nearest, keep=keep, store=store)
    line = draw_line(
        query, wanted, store=store, encoder=encoder, calibration=calibration, told=told
    )
    worded = frozenset(row.record.id for rows in lists for row in rows if row.is_whole)
    return select(
        query,
        ranked if lists else nearest,
        line,
        worded=worded,
        scored=told and not query.excluded,
        store=store,
    )


def embed_query(query: Query, *, store: Store, encoder: LoadEncoder) -> Vector:
    """Return the average of the terms' vectors by weight: shape (dim,), float32, unit norm."""
    vectors = np.stack([_embed(term, store, encoder) for term in query.terms])
    weights = np.array([term.weight for term in query.terms])
    try:
        average: Vector = unit((weights / weights.sum() @ vectors)[None])[0]
    except ValueError as error:
        raise UsageError(
            "the parts of this query cancel each other out; search for fewer at once"
        ) from error
    return average


def prepare(image: Image, encoder: Encoder) -> Pixels:
    """Decode and prepare a query image just as ingestion does.

    Raises:
        NoUsableImage: It cannot be decoded; the message names it.
    """
    from embed.images import decode_image, default_max_pixels

    try:
        decoded = decode_image(
            image.data, target_size=encoder.image_size, max_pixels=default_max_pixels()
        )
    except ImageUnreadable as error:
        raise NoUsableImage(f"query image {image.name}: {error}") from error
    return encoder.resizing.apply(decoded.image)


def _nearest(query: Query, aim: Vector, store: Store, *, with_vectors: bool) -> Nearest:
    def nearest(k: int, offset: int) -> list[Match]:
        (matches,) = store.search(
            aim[None],
            k,
            where=query.where,
            filters=query.filters,
            offset=offset,
            with_vectors=with_vectors,
        )
        return matches

    return nearest


def _all(matches: list[Match]) -> list[Match]:
    return matches


def _embed(term: Term, store: Store, encoder: LoadEncoder) -> Vector:
    match term:
        case Text():
            vector: Vector = encoder().encode_texts([term.words])[0]
        case Image():
            model = _seeing(encoder())
            vector = model.encode_images([prepare(term, model)])[0]
        case PreparedImage():
            vector = _seeing(encoder()).encode_images([term.pixels])[0]
        case Row():
            vector = _stored_vector(term.id, store)
    return vector


def _seeing(encoder: TextEncoder) -> Encoder:
    """Return the encoder, which takes images.

    Raises:
        UsageError: It does not.
    """
    if not isinstance(encoder, Encoder):
        raise takes_no_images(encoder.spec)
    return encoder


def _stored_vector(row_id: str, store: Store) -> Vector:
    try:
        return store.vectors([row_id])[row_id]
    except KeyError as error:
        raise UsageError(
            f"{row_id!r} is neither a file nor the id of a row in this archive; ids are shown by "
            "search --json"
        ) from error
