"""How images are found in an archive: by words, by images, by both."""

import time
from collections.abc import Callable, Iterable, Sequence
from os import fspath
from pathlib import Path

from eidetic.describing import refuse_images
from eidetic.part import Part, StrPath
from eidetic.results import Hits
from eidetic.show import ROW_ID
from embed import Encoder, TextEncoder
from schema import Store, load_roots
from search import (
    DEFAULT_K,
    Arrangement,
    PreparedImage,
    Query,
    Row,
    Sort,
    arranged_answer,
    build_query,
    image_term,
)


class Finding(Part):
    """The methods of an archive that find images in it."""

    def search(
        self,
        text: str | Sequence[str] = (),
        *,
        images: Iterable[StrPath | PreparedImage] = (),
        k: int = DEFAULT_K,
        offset: int = 0,
        where: str = "",
        words: bool = True,
        likely: bool = False,
        sort: Sort = "score",
        fold: bool = False,
        diversity: float | None = None,
        local_files: bool = True,
        descriptions: bool = False,
    ) -> Hits:
        """Find images by words, by images, or by both, averaged; filters alone list rows.

        Args:
            text: A query in the language of `search.grammar`, as in "dogs -people date:2019", or
                several queries that count together.
            images: Image files to find the like of, or images that are decoded already.
            k: How many hits.
            offset: How many of the best to pass over.
            where: A Milvus boolean expression over the fields of a row.
            words: Whether words are looked for in names and metadata too, where the store can.
            likely: Whether to leave out hits that are only the nearest there are.
            sort: In which order the likely hits come; see `search.query.Sort`.
            fold: Whether hits of one burst, or of one image in several versions, are folded under
                the best of them; k and the offset then count what is shown.
            diversity: How much it counts that hits differ from each other, from 0 to 1, see
                `search.diversity`; ``None`` for the plain order.
            local_files: Whether the text may name image files of this machine.
            descriptions: Whether to look among what is written of the images, see
                `refresh_descriptions`, and not at the images themselves.

        Raises:
            QuerySyntaxError: The text cannot be read as a query.
            UsageError: Nothing to look for, or a value out of its range.
            NoUsableImage: An image cannot be read.
            ArchiveMissing: Nothing has been ingested yet.
            ModelUnavailable: The archive's model cannot be loaded.
            StoreError: Milvus failed.
        """
        given = [i if isinstance(i, PreparedImage) else fspath(i) for i in images]
        query = build_query(
            text,
            given,
            k=k,
            offset=offset,
            where=where,
            words=words,
            likely=likely,
            sort=sort,
            local_files=local_files,
        )
        return self._answer(query, Arrangement(fold, diversity), descriptions=descriptions)

    def similar(
        self,
        image: StrPath,
        *,
        k: int = DEFAULT_K,
        offset: int = 0,
        where: str = "",
        fold: bool = False,
        diversity: float | None = None,
    ) -> Hits:
        """Find the images most like an image file, or like a row by its id.

        What is not said here is as in `search`.

        Raises:
            NoUsableImage: The image cannot be read.
            UsageError: No row has this id, or a value is out of its range.
        """
        name = fspath(image)
        is_id = ROW_ID.fullmatch(name) and not Path(name).exists()
        term = Row(name) if is_id else image_term(name)
        query = Query((term,), k=k, offset=offset, where=where, text=name)
        return self._answer(query, Arrangement(fold, diversity))

    def encoder(self) -> Encoder:
        """Return the archive's encoder, loading it at the first call.

        Raises:
            ModelUnavailable: It cannot be loaded.
            ArchiveMismatch: It is no longer the one that made the archive's vectors.
        """
        return self._opening.encoder()

    def _answer(
        self, query: Query, arrangement: Arrangement, *, descriptions: bool = False
    ) -> Hits:
        store: Store = self._opening.store()
        encoder: Callable[[], TextEncoder] = self._opening.query_encoder
        model = self._opening.query_model
        if descriptions:
            refuse_images(query)
            store, encoder = self._opening.descriptions.rows(), self._opening.descriptions.encoder
            model = store.collection.model
        started = time.perf_counter()
        shown = arranged_answer(
            query,
            arrangement,
            store=store,
            encoder=encoder,
            calibration=self._opening.calibration,
        )
        took_ms = (time.perf_counter() - started) * 1000
        return Hits.of(
            shown,
            roots={root.id: root for root in load_roots(self.settings.roots_file)},
            offset=query.offset,
            query=query.text,
            model=model,
            took_ms=took_ms,
            total_rows=store.count(),
        )
