"""The pictures of the study: the phantom, a portrait that comes with Matplotlib, or a file of the user's."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, UnidentifiedImageError

from ...theory.arrays import Array
from ...theory.imaging import phantom


class PictureError(ValueError):
    """The picture cannot be had."""


def picture(source: str, side: int) -> Array:
    """A grey picture of side × side pixels with values in [0, 1], shape ``(side, side)``.

    ``source``: ``"phantom"``, the head phantom; ``"portrait"``, Grace Hopper in 1984, in the public domain, the sample of
    Matplotlib; else the path of an image file. A photograph is cut to the square at its centre and resized (Lanczos); one with
    fewer pixels than ``side`` (the portrait has 512) is enlarged, and smoother than a photograph of that size would be.
    Raises `PictureError` for a file that is missing or no image.
    """
    if source == "phantom":
        return phantom(side)
    if source == "portrait":
        source = str(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    path = Path(source)
    if not path.is_file():
        raise PictureError(f"must be phantom, portrait or the path of an image file, got {source!r}, which is no file")
    try:
        with Image.open(path) as image:
            return _square(image, side)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise PictureError(f"must be an image file that Pillow reads, got {source!r}: {error}") from error


def _square(image: Image.Image, side: int) -> Array:
    width, height = image.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    grey = image.convert("L").crop((left, top, left + edge, top + edge)).resize((side, side), Image.Resampling.LANCZOS)
    values = np.asarray(grey, dtype=np.float64) / 255
    if not values.any():
        raise PictureError("must not be black throughout: there would be nothing to measure")
    return values
