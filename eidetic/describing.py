"""What is written of an archive's images, made searchable by what it means."""

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from eidetic.caring import WAIT_S
from eidetic.own_models import spelled_out
from eidetic.part import Part
from eidetic.results import DescriptionStatus
from embed import describe, load_text_encoder, resolve
from schema import ArchiveMissing, DescriptionStore, UsageError
from search import Image, PreparedImage, Query

if TYPE_CHECKING:
    from ingest import DescriptionReport, Outdated

log = logging.getLogger("eidetic")

DEFAULT_MODEL = "minilm"
"""Alias of the model that descriptions are made with where none is named."""


@dataclass(frozen=True, slots=True)
class DescriptionState:
    """The descriptions of an archive, and how far they are behind its rows."""

    status: DescriptionStatus
    outdated: "Outdated"

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self.status) | asdict(self.outdated)


class Describing(Part):
    """The methods of an archive that look after the descriptions of its images."""

    def refresh_descriptions(self, model: str | None = None) -> "DescriptionReport":
        """Embed the text of each row, where it is new or has changed, with a model of sentences.

        Args:
            model: Any model that takes words; by default that of the descriptions there are, else
                `DEFAULT_MODEL`. Another model's descriptions are replaced.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
            ModelUnavailable: The model cannot be loaded.
            UsageError: The model takes images only.
            StoreError: Milvus failed; what it had acknowledged stays.
        """
        from ingest import refresh_descriptions

        with self._opening.writing("descriptions refresh", wait_s=WAIT_S):
            store, held = self._opening.store(), self._opening.descriptions.open()
            given = None if model is None else spelled_out(model)
            spec = resolve(given or (held.collection.model if held else DEFAULT_MODEL))
            log.info("describing with the model %s", describe(spec))
            encoder = load_text_encoder(spec)
            made_by = (encoder.spec, encoder.dim, encoder.fingerprint)
            if held is not None:
                facts = held.collection
                if (facts.model, facts.dim, facts.fingerprint) != made_by:
                    log.info("the descriptions of %s are replaced", facts.model)
                    held = None
            if held is None:
                held = self._opening.descriptions.make(encoder)
            return refresh_descriptions(store, held, encoder)

    def descriptions(self) -> DescriptionState:
        """Return with which model descriptions were made, and how many are not in step.

        Raises:
            ArchiveMissing: The archive has no descriptions.
        """
        from ingest import count_outdated

        held = self._held()
        return DescriptionState(
            DescriptionStatus.of(held), count_outdated(self._opening.store(), held)
        )

    def drop_descriptions(self) -> int:
        """Drop the descriptions, and return how many there were. Rows and files stay.

        Raises:
            ArchiveMissing: The archive has no descriptions.
        """
        with self._opening.writing("descriptions drop", wait_s=WAIT_S):
            self._held()
            return self._opening.descriptions.drop()

    def _held(self) -> DescriptionStore:
        held = self._opening.descriptions.open()
        if held is None:
            raise ArchiveMissing(
                f"the archive {self.settings.archive!r} has no descriptions; make them with: "
                f"{self.settings.command} descriptions refresh"
            )
        return held


def refuse_images(query: Query) -> None:
    """Refuse a query among descriptions that shows images.

    Raises:
        UsageError: It does; says what to use instead.
    """
    for term in (*query.terms, *query.excluded):
        if isinstance(term, Image | PreparedImage):
            raise UsageError(
                f"{term.name}: an image cannot be looked for among descriptions, which are words; "
                "leave --descriptions out to find the like of an image, or say in words what is "
                "written of it"
            )
