"""Small image files for tests."""

from pathlib import Path

from PIL import Image


def write_image(
    path: Path, colour: str = "red", size: tuple[int, int] = (64, 48), **options: object
) -> Path:
    """Write a plain image in the format of the path's extension, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def write_colours(folder: Path, *colours: str) -> Path:
    """Write one plain image a colour, named after it, and return the folder."""
    for colour in colours:
        write_image(folder / f"{colour}.png", colour)
    return folder
