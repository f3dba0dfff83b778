"""One model's images with another's words, where both were trained on the same image tower."""

from collections.abc import Callable, Sequence

from embed.encoder import Encoder
from embed.resizing import Pixels, Resizing
from embed.scoring import Scoring
from schema.records import Vectors


class SwappedEncoder:
    """An `Encoder` of two: images go to the one, words to the other.

    Whether their spaces are one is for the caller to know, see `eidetic.text_towers`.
    """

    def __init__(self, images: Callable[[], Encoder], words: Encoder) -> None:
        """Take two encoders.

        Args:
            images: Loads the one for images, when first an image is to be encoded.
            words: The one for words.
        """
        self._images = images
        self._words = words

    @property
    def spec(self) -> str:
        """That of the words, which are what is asked."""
        return self._words.spec

    @property
    def dim(self) -> int:
        return self._words.dim

    @property
    def resizing(self) -> Resizing:
        return self._images().resizing

    @property
    def image_size(self) -> int:
        return self._images().image_size

    @property
    def fingerprint(self) -> str:
        return self._images().fingerprint

    @property
    def scoring(self) -> Scoring | None:
        return self._words.scoring

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        return self._images().encode_images(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        return self._words.encode_texts(texts)
