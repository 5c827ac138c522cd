"""The pictures of the study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mlbreg.experiments.imaging.pictures import PictureError, picture
from mlbreg.theory.imaging import phantom
from PIL import Image


def test_the_phantom_is_that_of_theory() -> None:
    np.testing.assert_array_equal(picture("phantom", 32), phantom(32))


def test_the_portrait_is_a_grey_square() -> None:
    found = picture("portrait", 48)
    assert found.shape == (48, 48)
    assert found.dtype == np.float64
    assert 0 <= found.min() < 0.1
    assert 0.9 < found.max() <= 1
    assert 0.15 < found.std() < 0.4
    # The uniform is dark, the face is not.
    assert found[36:, 4:10].mean() < 0.3 < found[12:22, 18:26].mean()


def test_a_photograph_is_cut_at_its_centre_and_made_grey(tmp_path: Path) -> None:
    colours = np.zeros((40, 100, 3), dtype=np.uint8)
    colours[:, 30:70] = (255, 255, 255)  # the square at the centre
    Image.fromarray(colours).save(tmp_path / "wide.png")
    np.testing.assert_array_equal(picture(str(tmp_path / "wide.png"), 20), np.ones((20, 20)))


@pytest.mark.parametrize("name", ["nowhere.png", ""])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match="must be phantom, portrait or the path of an image file, got"):
        picture(str(tmp_path / name), 32)


def test_a_file_that_is_no_image_and_a_black_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(PictureError, match="must be an image file that Pillow reads"):
        picture(str(tmp_path / "text.png"), 32)
    Image.new("L", (64, 64)).save(tmp_path / "black.png")
    with pytest.raises(PictureError, match="must not be black throughout"):
        picture(str(tmp_path / "black.png"), 32)
