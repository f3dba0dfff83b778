"""An archive as tools for language models, over the Model Context Protocol."""

from eidetic.tools.toolbox import Answer, SmallImage, Toolbox

__all__ = ["Answer", "SmallImage", "Toolbox"]
