"""What the routes of one server share: the archive, its threads, its caches."""

import threading
import time
from collections import OrderedDict
from typing import Any

from starlette.responses import Response

from eidetic.archive import Archive
from eidetic.server.decoding import Decoder
from eidetic.server.fetching import Fetcher
from eidetic.server.problems import Refused, to_json
from eidetic.server.recording import Metrics
from eidetic.server.sessions import Sessions
from eidetic.server.settings import ServerSettings
from eidetic.server.thumbnails import Thumbnails
from eidetic.server.work import Work
from schema import ImageRecord, Root, load_roots
from search import Facets, read_filters

RECORDS_KEPT, RECORDS_KEPT_S = 20_000, 30.0
"""Rows that hits were made of: a grid asks for their thumbnails at once. Some 20 MB."""

FACETS_KEPT, FACETS_KEPT_S, FACETS_KEPT_TIMES = 64, 10.0, 20
"""Counting reads every row. Counts are kept for so many times as long as it took, so that the same
question costs a twentieth of a processor at most however often it is asked, and an ingest into a
small archive shows at once."""


class Json(Response):
    """A JSON document as the command line prints it, on one line."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)


class Service:
    """One archive that is being served. Safe in many threads; `close` it."""

    def __init__(self, archive: Archive, settings: ServerSettings) -> None:
        """Take an archive that stays open as long as the server runs.

        Its model is best loaded already, see `eidetic.server.run.serve`.
        """
        limits, threads = settings.limits, settings.threads
        self.archive = archive
        self.settings = settings
        self.limits = limits
        self.metrics = Metrics()
        self.sessions = Sessions(settings.token)
        self.decoder = Decoder(time_limit_s=limits.decode_time_s)
        self.fetcher = Fetcher(limits.fetch_bytes, limits.fetch_time_s)
        self.thumbnails = Thumbnails(
            archive.settings.archive_dir / "thumbnails", most_bytes=limits.thumbnail_bytes
        )
        waiting, search_time_s = limits.waiting, limits.search_time_s
        self.searching = Work(
            "searching", threads=threads, waiting=waiting, time_limit_s=search_time_s
        )
        self.looking_up = Work(
            "looking up rows", threads=threads, waiting=4 * waiting, time_limit_s=search_time_s
        )
        self.decoding = Work(
            "decoding", threads=threads, waiting=4 * waiting, time_limit_s=2 * limits.decode_time_s
        )
        self.fetching = Work(
            "fetching", threads=threads, waiting=waiting, time_limit_s=2 * limits.fetch_time_s
        )
        # One at a time: the next that asks for the same finds it counted.
        self.counting = Work("counting", threads=1, waiting=waiting, time_limit_s=search_time_s)
        self._lock = threading.Lock()
        self._records: OrderedDict[str, tuple[float, ImageRecord]] = OrderedDict()
        self._facets: OrderedDict[object, tuple[float, Facets]] = OrderedDict()

    def close(self) -> None:
        """End the threads and processes; the archive stays open."""
        self.decoder.close()
        for work in (
            self.searching,
            self.looking_up,
            self.decoding,
            self.fetching,
            self.counting,
        ):
            work.close()

    def roots(self) -> dict[str, Root]:
        """Return the archive's roots by id."""
        return {root.id: root for root in load_roots(self.archive.settings.roots_file)}

    def keep(self, record: ImageRecord) -> None:
        """Remember a row for a short time, because its files will be asked for."""
        with self._lock:
            self._records[record.id] = (time.monotonic(), record)
            self._records.move_to_end(record.id)
            while len(self._records) > RECORDS_KEPT:
                self._records.popitem(last=False)

    def kept_record(self, image_id: str) -> ImageRecord | None:
        """Return a row that was remembered a short time ago."""
        with self._lock:
            kept, record = self._records.get(image_id, (0.0, None))
        return record if record and time.monotonic() - kept < RECORDS_KEPT_S else None

    async def record(self, image_id: str) -> ImageRecord:
        """Return a row.

        Raises:
            Refused: There is none of this id (404).
        """
        record = self.kept_record(image_id)
        if record is None:
            found = await self.looking_up.run(lambda: self.archive.get([image_id]))
            record = found.get(image_id)
        if record is None:
            raise Refused(
                404,
                f"no image of this archive has the id {image_id}; hits have the ids there are",
                kind="not-in-archive",
            )
        self.keep(record)
        return record

    def facets(self, text: str, where: str) -> Facets:
        """Return what `Archive.facets` does, counted a short time ago or now.

        Where whoever asked gives up, what is counted in the end is there for the next.
        """
        key = (read_filters(text), where.strip())
        with self._lock:
            ends, facets = self._facets.get(key, (0.0, None))
        started = time.monotonic()
        if facets is not None and started < ends:
            return facets
        facets = self.archive.facets(text, where=where)
        ended = time.monotonic()
        kept_s = max(FACETS_KEPT_S, FACETS_KEPT_TIMES * (ended - started))
        with self._lock:
            self._facets[key] = (ended + kept_s, facets)
            self._facets.move_to_end(key)
            while len(self._facets) > FACETS_KEPT:
                self._facets.popitem(last=False)
        return facets
