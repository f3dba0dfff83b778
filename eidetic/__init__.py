"""Find images by words and by image, in archives of your own.

A name is imported with its module when it is first used, so that `eidetic --help` answers at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
