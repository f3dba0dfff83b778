"""A number that is nearly the same for nearly the same image."""

import numpy as np
from PIL import Image

BITS = 64


def perceptual_hash(image: Image.Image) -> int:
    """Return the DCT hash of an upright image: 64 bits, as a signed integer.

    The signs of the 8 x 8 lowest frequencies of a 32 x 32 greyscale copy against their median
    (N. Krawetz, "Looks Like It", 2011, as the imagehash package does it). Two images are compared
    by how many bits differ: a few for copies of other size, quality and format, about half for
    images that have nothing in common.
    """
    import imagehash

    bits = np.packbits(imagehash.phash(image, hash_size=8).hash)
    return int.from_bytes(bits.tobytes(), "big", signed=True)
