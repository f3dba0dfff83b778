"""An archive over HTTP: the API, and what keeps strangers from harming it."""

from eidetic.server.app import create_app
from eidetic.server.run import serve
from eidetic.server.settings import Limits, ServerSettings

__all__ = ["Limits", "ServerSettings", "create_app", "serve"]
