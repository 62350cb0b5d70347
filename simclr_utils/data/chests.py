"""Drawn chests: phantoms that look like small X-rays, with patients and a finding that are known.

A phantom has what a chest X-ray shows at this size: dark lungs between ribs, a bright spine, a
heart on the right of the picture (the patient's left), and the dome of the diaphragm. In one class
the lungs hold bright clouds. All images of a patient share anatomy and class. No phantom is a
patient, and a result on phantoms is none about medicine.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simclr_utils.data.painting import BLOCK, check_whole, pixel_centers, rotate

CLASS_NAMES = ("clear", "clouded")
NUM_CLOUDS = 3
# Every factor is drawn uniformly from its range, once for each patient ...
_ANATOMY = {
    **{"body_width": (0.78, 0.98), "lung_width": (0.26, 0.34), "lung_height": (0.55, 0.72)},
    **{"lung_distance": (0.38, 0.46), "heart_size": (0.24, 0.36), "heart_place": (0.12, 0.22)},
    **{"spine_width": (0.07, 0.12), "rib_distance": (0.2, 0.28), "rib_phase": (0.0, 2 * np.pi)},
    **{"rib_slope": (0.15, 0.4), "dome": (0.35, 0.55)},
}
# ... or for each image.
_PICTURE = {
    **{"x": (-0.12, 0.12), "y": (-0.12, 0.12), "angle": (-0.1, 0.1)},
    **{"exposure": (0.75, 1.3), "contrast": (0.75, 1.1), "noise": (0.02, 0.05)},
}
# Of each cloud. Its place is in lungs: -1 to 1 from edge to edge.
_CLOUD = {
    **{"cloud_x": (-0.6, 0.6), "cloud_y": (-0.6, 0.6), "cloud_size": (0.08, 0.2)},
    **{"cloud_density": (0.1, 0.35)},
}
_AIR, _BODY, _LUNG, _BONE, _HEART = 0.04, 0.5, 0.2, 0.72, 0.66
_EDGE = 0.05  # width of a soft edge, in half pictures


class Chests(NamedTuple):
    """Pictures, classes, patients and factors; see `render_chests`."""

    images: np.ndarray
    labels: np.ndarray
    patients: np.ndarray
    factors: dict[str, np.ndarray]


def render_chests(
    num_images: int,
    seed: int | Sequence[int] = 0,
    image_size: int = 32,
    images_per_patient: int = 4,
    fixed: dict[str, object] | None = None,
) -> Chests:
    """Draws phantoms of chest X-rays, several of each patient.

    Every factor is drawn even if it is fixed, so that two calls that differ in one fixed factor
    give the same pictures with that factor changed. Angles are in radians, counter-clockwise.
    Lengths are in half pictures, `x` right and `y` up.

    Args:
        num_images: Integer, the number of pictures, N.
        seed: Integer or sequence of integers, each 0 or more.
        image_size: Integer, height and width S in pixels, at least 8.
        images_per_patient: Integer, at least 1. The last patient may have fewer images.
        fixed: Dict from the name of a factor to one value, or to an array of the factor's shape.

    Returns:
        A `Chests` tuple: `images` uint8 `[N, S, S, 1]`; `labels` int64 `[N]`, 0 for clear and 1
        for clouded lungs, each for half of the patients; `patients` int64 `[N]`, from 0; and
        `factors`, a dict of float32 arrays. Those of shape `[N]` are the anatomy of the patient
        (such as `heart_size` and `rib_distance`) and the picture's `x`, `y`, `angle`, `exposure`,
        `contrast` and `noise`. Those of shape `[N, 3]` are of the clouds: `cloud_lung` (-1 for the
        lung on the left of the picture, 1 for the other, 0 for no cloud), `cloud_x`, `cloud_y`,
        `cloud_size` and `cloud_density`.

    Raises:
        ValueError: If a number is out of range, or `fixed` has an unknown name or a wrong shape.

    Example:

    >>> drawn = render_chests(100, seed=0)
    >>> drawn.images.shape, len(np.unique(drawn.patients))
    ((100, 32, 32, 1), 25)
    """
    check_whole("num_images", num_images, 1)
    check_whole("image_size", image_size, 8)
    check_whole("images_per_patient", images_per_patient, 1)
    seeds = np.random.SeedSequence(seed).spawn(3)
    anatomy, picture, noise = (np.random.default_rng(each) for each in seeds)
    patients = np.arange(num_images) // images_per_patient
    num_patients = patients[-1] + 1
    labels = anatomy.permutation(np.arange(num_patients) % 2)[patients]
    factors = {
        name: _draw(anatomy, ends, num_patients)[patients] for name, ends in _ANATOMY.items()
    }
    factors |= {name: _draw(picture, ends, num_images) for name, ends in _PICTURE.items()}
    shape = (num_images, NUM_CLOUDS)
    factors |= {name: _draw(picture, ends, shape) for name, ends in _CLOUD.items()}
    factors["cloud_lung"] = _draw_lungs(picture, labels)
    for name, value in (fixed or {}).items():
        factors[name] = _fix(name, value, factors)
    grain = noise.standard_normal((num_images, image_size**2), np.float32)
    images = np.empty((num_images, image_size**2), np.uint8)
    for start in range(0, num_images, BLOCK):
        rows = slice(start, start + BLOCK)
        chosen = {name: values[rows, ..., None] for name, values in factors.items()}
        images[rows] = _draw_block(chosen, grain[rows], image_size)
    return Chests(
        images.reshape(num_images, image_size, image_size, 1),
        labels.astype(np.int64),
        patients.astype(np.int64),
        factors,
    )


def _draw(random, ends, shape):
    return random.uniform(*ends, shape).astype(np.float32)


def _draw_lungs(random, labels):
    """Returns the lung of each cloud, `[N, 3]`: one to three clouds if the lungs are clouded."""
    lungs = random.choice(np.array([-1, 1], np.float32), (len(labels), NUM_CLOUDS))
    number = labels * random.integers(1, NUM_CLOUDS + 1, len(labels))
    return np.where(np.arange(NUM_CLOUDS) < number[:, None], lungs, 0)


def _fix(name, value, factors):
    """Returns the value of a fixed factor in the shape and dtype of the drawn one."""
    if name not in factors:
        raise ValueError(f"Unknown factor {name!r} in `fixed`: expected {', '.join(factors)}.")
    drawn, values = factors[name], np.asarray(value)
    if values.dtype.kind not in "iuf" or values.shape not in ((), drawn.shape):
        raise ValueError(
            f"`fixed[{name!r}]` is {value!r}: expected a number, or an array of the shape "
            f"{drawn.shape}."
        )
    return np.broadcast_to(values, drawn.shape).astype(drawn.dtype)


def _inside(distance):
    """Returns how much of a point is inside, 0..1, for its distance from an edge."""
    return np.clip(0.5 - distance / _EDGE, 0, 1)


def _ellipse(x, y, width, height):
    """Returns how far points are outside of an ellipse, roughly in half pictures."""
    return (np.hypot(x / width, y / height) - 1) * np.minimum(width, height)


def _draw_block(factors, grain, image_size):
    """Draws pictures, uint8 `[B, S * S]`. The arrays of `factors` end with an axis of length 1."""
    x, y = pixel_centers(image_size)
    x, y = rotate(x - factors["x"], y - factors["y"], factors["angle"][:, 0])
    canvas = np.full_like(x, _AIR)

    def paint(share, value):
        canvas[:] = canvas + share * (value - canvas)

    paint(_inside(_ellipse(x, y + 0.25, factors["body_width"], 1.25)), _BODY)
    ribs = np.sin(
        2 * np.pi / factors["rib_distance"] * (y + factors["rib_slope"] * np.abs(x))
        + factors["rib_phase"]
    )
    # The lungs end at the dome of the diaphragm, which is lower at the sides.
    below = -factors["dome"] - 0.35 * (np.abs(x) - factors["lung_distance"]) ** 2 - y
    for side in (-1, 1):
        u, v = x - side * factors["lung_distance"], y - 0.12
        edge = np.maximum(_ellipse(u, v, factors["lung_width"], factors["lung_height"]), below)
        lung, inside = np.full_like(x, _LUNG), _inside(edge)
        lung += 0.12 * np.clip(ribs, 0, 1)
        for cloud in range(NUM_CLOUDS):
            lung += _cloud(factors, cloud, side, u, v)
        paint(inside, np.minimum(lung, _HEART))
    paint(_inside(np.abs(x) - factors["spine_width"]) * _inside(-1.2 - y), _BONE)
    heart = _ellipse(
        x - factors["heart_place"], y + 0.25, factors["heart_size"], 1.1 * factors["heart_size"]
    )
    paint(_inside(heart), _HEART)
    exposed = factors["contrast"] * np.clip(canvas, 0, 1) ** factors["exposure"]
    return np.round(255 * np.clip(exposed + factors["noise"] * grain, 0, 1)).astype(np.uint8)


def _cloud(factors, number, side, u, v):
    """Returns the brightness of a cloud in the lung on one side, `[B, P]`."""
    own = {
        name: factors[f"cloud_{name}"][:, number] for name in ("lung", "x", "y", "size", "density")
    }
    across = u - own["x"] * factors["lung_width"]
    along = v - own["y"] * factors["lung_height"]
    density = np.where(own["lung"] == side, own["density"], 0)
    return density * np.exp(-(across**2 + along**2) / (2 * own["size"] ** 2))
