"""Images and words to unit vectors of one space.

A name is imported with its module when it is first used: a query of words decodes no image.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
