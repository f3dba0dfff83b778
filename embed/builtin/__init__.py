"""The model that ships inside the package and works offline."""

from embed.builtin.encoder import BuiltinEncoder

__all__ = ["BuiltinEncoder"]
