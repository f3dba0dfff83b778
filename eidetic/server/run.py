"""A server from its start to its end."""

from collections.abc import Callable

from eidetic.archive import Archive
from eidetic.listening import address_of, configure, listen, run_until_stopped
from eidetic.served import noted
from eidetic.server.app import create_app
from eidetic.server.settings import ServerSettings
from embed import Encoder

CONNECTIONS = 512
"""Open at a time; beyond, new ones are answered 503."""


def serve(archive: Archive, settings: ServerSettings, announce: Callable[[str], None]) -> None:
    """Serve an archive until SIGTERM or SIGINT; requests that are being answered are finished.

    Args:
        archive: Its store and model are opened first, so that no request waits for them.
        announce: Told the address once the server listens.

    Raises:
        UsageError: The address cannot be listened on.
        ArchiveMissing: Nothing has been ingested yet.
        ModelUnavailable: The archive's model cannot be loaded.
    """
    with listen(settings.host, settings.port) as listening:
        _warm(archive.encoder())
        app = create_app(archive, settings)
        config = configure(
            app, connections=CONNECTIONS, header_time_s=settings.limits.header_time_s
        )
        session = app.state.service.sessions.log_in(settings.token) if settings.token else ""
        with noted(archive.settings, listening, session):
            announce(address_of(listening))
            run_until_stopped(config, listening)


def _warm(encoder: Encoder) -> None:
    """Encode once, because some encoders load their weights only then."""
    from PIL import Image

    plain = Image.new("RGB", (encoder.image_size, encoder.image_size))
    encoder.encode_images([encoder.resizing.apply(plain)])
    if encoder.scoring is not None:
        encoder.encode_texts(["an image"])
