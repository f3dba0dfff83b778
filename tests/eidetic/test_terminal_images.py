"""What is written for a terminal is what its protocol says, read back by a reader of each."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from eidetic.cli.terminal import Graphics
from eidetic.cli.terminal_images import KITTY_CHUNK_BYTES, drawing


@pytest.fixture
def image() -> Image.Image:
    """61 x 45 pixels, so that neither side is a multiple of a band: flat areas, and noise."""
    pixels = np.zeros((45, 61, 3), dtype=np.uint8)
    pixels[:, 20:40] = (200, 30, 10)
    pixels[30:, :] = np.random.default_rng(5).integers(0, 255, (15, 61, 3))
    return Image.fromarray(pixels)


def of_png(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(data, validate=True))))


def test_kitty_gets_a_png_in_chunks(image: Image.Image) -> None:
    large = image.resize((300, 200), Image.Resampling.NEAREST)
    commands = re.fullmatch(rb"(\x1b_G[^;]*;[^\x1b]*\x1b\\)+", drawing(large, Graphics.KITTY))
    assert commands
    parts = re.findall(rb"\x1b_G([^;]*);([^\x1b]*)\x1b\\", commands[0])
    assert len(parts) > 1
    keys = [dict(pair.split(b"=") for pair in control.split(b",")) for control, _ in parts]
    assert keys[0] == {b"a": b"T", b"f": b"100", b"q": b"2", b"m": b"1"}
    assert [key[b"m"] for key in keys] == [b"1"] * (len(keys) - 1) + [b"0"]
    assert all(len(data) <= KITTY_CHUNK_BYTES for _, data in parts)
    assert (of_png(b"".join(data for _, data in parts)) == np.asarray(large)).all()


def test_a_small_image_is_one_command_for_kitty() -> None:
    one = drawing(Image.new("RGB", (4, 4), "red"), Graphics.KITTY)
    assert one.startswith(b"\x1b_Ga=T,f=100,q=2,m=0;")
    assert one.count(b"\x1b_G") == 1


def test_iterm2_gets_a_png_and_its_size(image: Image.Image) -> None:
    found = re.fullmatch(
        rb"\x1b\]1337;File=([^:]*):([^\x07]*)\x07", drawing(image, Graphics.ITERM2)
    )
    assert found
    keys = dict(pair.split(b"=") for pair in found[1].split(b";"))
    size = str(len(b64decode(found[2]))).encode()
    assert keys == {b"inline": b"1", b"size": size, b"width": b"61px", b"height": b"45px"}
    assert (of_png(found[2]) == np.asarray(image)).all()


def of_sixel(data: bytes) -> np.ndarray:
    """Draw sixel data as a terminal does: shape (height, width, 3), -1 where nothing is drawn."""
    found = re.fullmatch(rb'\x1bP0;1q"1;1;(\d+);(\d+)(.*)\x1b\\', data, re.DOTALL)
    assert found
    width, height = int(found[1]), int(found[2])
    drawn = np.full((height + 6, width, 3), -1)
    palette: dict[int, tuple[int, ...]] = {}
    x = y = colour = 0
    token = re.compile(rb"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|(\$)|(-)")
    at = 0
    while at < len(found[3]):
        part = token.match(found[3], at)
        assert part, found[3][at : at + 20]
        at = part.end()
        if part[1]:
            palette[int(part[1])] = tuple(int(part[n]) for n in (2, 3, 4))
        elif part[5]:
            colour = int(part[5])
        elif part[9]:
            x = 0
        elif part[10]:
            x, y = 0, y + 6
        else:
            times, character = (int(part[6]), part[7]) if part[6] else (1, part[8])
            bits = character[0] - 63
            for row in range(6):
                if bits >> row & 1:
                    drawn[y + row, x : x + times] = palette[colour]
            x += times
            assert x <= width
    assert (drawn[height:] == -1).all()
    return drawn[:height]


def test_sixels_draw_every_pixel_in_the_nearest_colour_of_the_palette(image: Image.Image) -> None:
    reduced = np.asarray(image.quantize(255, method=Image.Quantize.MEDIANCUT).convert("RGB"))
    drawn = of_sixel(drawing(image, Graphics.SIXEL))
    assert (np.abs(drawn - reduced * (100 / 255)) <= 0.5 + 1e-9).all()
    # Flat areas stay as they are, within a hundredth.
    assert drawn[0, 30].tolist() == [78, 12, 4]


def test_sixels_of_one_colour_are_short() -> None:
    data = drawing(Image.new("RGB", (200, 12), "white"), Graphics.SIXEL)
    assert len(data) < 80
    assert (of_sixel(data) == 100).all()
