"""From a question to the rows that answer it, and how well they do.

A name is imported with its module when it is first used: a search needs few of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
