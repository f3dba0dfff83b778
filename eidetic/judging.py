"""What a model says of images, and how well it finds those of an archive."""

from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from eidetic.part import Part, StrPath
from eidetic.results import locate
from schema import load_roots
from search import DEFAULT_TEMPLATE

if TYPE_CHECKING:
    from search import Classification, Evaluation


class Judging(Part):
    """The methods of an archive that judge images and the archive's model."""

    def classify(
        self,
        paths: StrPath | Iterable[StrPath],
        labels: Sequence[str],
        *,
        template: str = DEFAULT_TEMPLATE,
    ) -> "Classification":
        """Score labels for image files, which need not be in the archive, nor be there one.

        Args:
            paths: Image files, or one.
            labels: At least one, without duplicates.
            template: What is said of an image; ``{}`` stands for the label.

        Raises:
            UsageError: The labels or the template cannot be used, or the model takes images only.
            NoUsableImage: None of the files can be read.
            ArchiveMissing: There is neither an archive nor a model.
            ModelUnavailable: The model cannot be loaded.
        """
        from search import classify

        several = [paths] if isinstance(paths, str | PathLike) else paths
        files = [Path(fspath(path)) for path in several]
        return classify(files, labels, encoder=self._opening.any_encoder, template=template)

    def classify_rows(
        self, ids: Sequence[str], labels: Sequence[str], *, template: str = DEFAULT_TEMPLATE
    ) -> "Classification":
        """Score labels for rows of the archive by their stored vectors; no file is read.

        Args:
            ids: Ids of rows.
            labels: At least one, without duplicates.
            template: What is said of an image; ``{}`` stands for the label.

        Raises:
            UsageError: An id is of no row, the labels or the template cannot be used, or the model
                takes images only.
            ArchiveMissing: Nothing has been ingested yet.
            ModelUnavailable: The model cannot be loaded.
        """
        from search import Classification, Classified, classify_rows

        store = self._opening.store()
        scores = classify_rows(
            ids, labels, store=store, encoder=self._opening.encoder, template=template
        )
        records = store.get(ids)
        roots = {root.id: root for root in load_roots(self.settings.roots_file)}
        found = (
            Classified(locate(records[row], roots), each)
            for row, each in zip(ids, scores, strict=True)
        )
        return Classification(tuple(found), ())

    def compare(self, a: StrPath, b: StrPath, *, text: bool = False) -> float:
        """Return the cosine similarity of two images, or of an image and words, in [-1, 1].

        With a model that takes words only: of two sentences.

        Neither need be in the archive, nor be there one.

        Args:
            a: The path of an image or, as a text that names no file, words.
            b: The same.
            text: Whether ``b`` is words even where there is a file of that name.

        Raises:
            UsageError: There is no image among them, or the model takes images only.
            NoUsableImage: An image cannot be read.
            ArchiveMissing: There is neither an archive nor a model.
            ModelUnavailable: The model cannot be loaded.
        """
        from search import compare

        return compare(
            a,
            b,
            encoder=self._opening.any_encoder,
            text=text,
            sentences=self._opening.sentence_encoder,
        )

    def evaluate(
        self, captions: StrPath, *, language: str = "en", failures: int = 0
    ) -> "Evaluation":
        """Measure how well the archive is found by captions of its images, and how fast.

        Args:
            captions: JSON Lines, see `search.read_captions`.
            language: Which captions to use, by code.
            failures: How many failures to tell at most, see `Presenting.report`.

        Raises:
            UsageError: The file cannot be read or is of another form.
            NoUsableImage: None of its images is in the archive.
        """
        from search import evaluate, read_captions

        captioned = read_captions(Path(fspath(captions)), language)
        store, encoder = self._opening.store(), self._opening.query_encoder()
        return evaluate(captioned, store=store, encoder=encoder, failures=failures)
