"""From files to rows: what to scan, what has changed, and the run that indexes it.

A name is imported with its module when it is first used: a search needs few of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
