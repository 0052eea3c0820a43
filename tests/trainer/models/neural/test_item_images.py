"""Images of items in numbers."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from recstream_trainer.models.neural.item_images import read_images

from recstream.errors import DataError


def test_a_picture_is_its_pixels_whatever_its_kind(tmp_path: Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[:, :4, 0] = 255
    Image.fromarray(red).save(tmp_path / "red.png")
    Image.fromarray(red).resize((40, 20), Image.Resampling.NEAREST).save(tmp_path / "wide.jpg", quality=100)
    Image.new("L", (3, 5), 77).save(tmp_path / "grey.png")
    Image.new("RGBA", (4, 4), (1, 2, 3, 0)).save(tmp_path / "clear.png")
    files = ["red.png", None, "wide.jpg", "grey.png", "clear.png"]
    images = read_images(pl.DataFrame({"image_file": [name and str(tmp_path / name) for name in files]}), 5, 8)
    np.testing.assert_array_equal(images.picture_of, [0, -1, 1, 2, 3])
    np.testing.assert_array_equal(images.pixels[0], red.transpose(2, 0, 1))
    assert np.abs(images.pixels[1].astype(int)[:, :, [0, 7]] - red.transpose(2, 0, 1)[:, :, [0, 7]]).max() < 60
    assert (images.pixels[2] == 77).all()
    assert (images.pixels[3] == np.array([1, 2, 3])[:, None, None]).all()
    assert images.vectors.shape == (5, 0)


def test_vectors_have_length_one() -> None:
    images = read_images(pl.DataFrame({"image_vector": [[3.0, 4.0], None, [0.0, 0.0]]}), 3, 8)
    np.testing.assert_allclose(images.vectors, [[0.6, 0.8], [0, 0], [0, 0]])
    assert len(images.pixels) == 0
    assert (images.picture_of == -1).all()


def test_nothing_is_nothing() -> None:
    images = read_images(pl.DataFrame(), 2, 8)
    assert images.vectors.shape == (2, 0)
    assert images.pixels.shape == (0, 3, 8, 8)


def test_broken_and_missing_files_are_counted_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    (tmp_path / "text.jpg").write_text("not an image")
    files = [str(tmp_path / name) for name in ("good.png", "none.png", "cut.png", "text.jpg")]
    with pytest.raises(
        DataError, match=r"3 of 4 images of the column image_file cannot be read .*none\.png: there is no"
    ):
        read_images(pl.DataFrame({"image_file": files}), 4, 8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # 4,096 are there
    with pytest.raises(DataError, match=r"good\.png: Image size \(4096 pixels\) exceeds"):
        read_images(pl.DataFrame({"image_file": files[:1]}), 1, 8)
