"""Images that an encoder cannot take are refused, with the line that mends them."""

import numpy as np
import pytest
from PIL import Image

from simclr_utils.evaluation.features import check_images


def zeros(*shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


PICTURE = Image.new("RGB", (50, 40))


@pytest.mark.parametrize(
    "images, said",
    [
        (PICTURE, r"Received: Image. .*np.asarray\(image.convert\('RGB'\)"),
        ([[1, 2]], "Received: list"),
        (zeros(2, 16, 20, 3, dtype=np.float32), r"float32. .*\(255 \* images\).round\(\)"),
        (zeros(2, 16, 20, 3, dtype=np.float32) + 200, r"already: use images.astype\('uint8'\)"),
        (zeros(2, 16, 20, 3, dtype=np.uint16) + 999, "exceed 255: rescale"),
        (zeros(16, 20, 3), r"batch axis: images\[None\]"),
        (zeros(2, 16, 20, 1), r"np.repeat\(images, 3, axis=-1\)"),
        (zeros(2, 16, 20), "channel axis is missing"),
        (zeros(2, 3, 16, 20), r"np.moveaxis\(images, 1, -1\)"),
        (zeros(2, 32, 32, 3), "Load the images in that size"),
    ],
)
def test_the_message_names_the_cure(images, said):
    with pytest.raises(ValueError, match=said):
        check_images(images, (16, 20, 3))


@pytest.mark.parametrize(
    "cure",
    [
        lambda expected: np.asarray(PICTURE.convert("RGB").resize((20, 16))).reshape(1, *expected),
        lambda expected: zeros(16, 20, 3)[None],
        lambda expected: np.repeat(zeros(2, 16, 20, 1), 3, axis=-1),
        lambda expected: np.moveaxis(zeros(2, 3, 16, 20), 1, -1),
        lambda expected: (255 * zeros(2, 16, 20, 3, dtype=np.float32)).round().astype("uint8"),
    ],
)
def test_the_cure_cures(cure):
    check_images(cure((16, 20, 3)), (16, 20, 3))
