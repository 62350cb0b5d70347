"""The outlines of the ten shapes, as signed distances of points to them."""

import numpy as np

CLASS_NAMES = ("disc", "ring", "triangle", "square", "pentagon")
CLASS_NAMES += ("star", "plus", "arrow", "crescent", "ell")


def _star_points(num_points, inner_radius):
    """Returns the vertices of a star in the unit circle, outer and inner in turn, from the top."""
    turns = np.pi / 2 + np.arange(2 * num_points) * np.pi / num_points
    radii = np.where(np.arange(2 * num_points) % 2, inner_radius, 1.0)
    return np.stack([radii * np.cos(turns), radii * np.sin(turns)], axis=1)


_PLUS = [0.28, -0.28, -0.28, -0.9, -0.9, -0.28, -0.28, 0.28, 0.28, 0.9, 0.9, 0.28]
_ARROW_Y = [0.98, 0.12, 0.12, -0.9, -0.9, 0.12, 0.12]
_POLYGONS = {  # vertices, counter-clockwise
    "triangle": _star_points(3, 0.0)[::2],
    "square": np.array([[0.7, -0.7, -0.7, 0.7], [0.7, 0.7, -0.7, -0.7]]).T,
    "pentagon": 0.95 * _star_points(5, 0.0)[::2],
    "star": _star_points(5, 0.42),
    "plus": np.array([_PLUS, _PLUS[-3:] + _PLUS[:-3]]).T,
    "arrow": np.array([[0, -0.78, -0.26, -0.26, 0.26, 0.26, 0.78], _ARROW_Y]).T,
    "ell": np.array([[-0.6, -0.6, 0.6, 0.6, -0.1, -0.1], [0.8, -0.7, -0.7, -0.2, -0.2, 0.8]]).T,
}


def _polygon_distance(x, y, vertices):
    """Computes the exact distance to the nearest edge; ray casting gives the sign."""
    squared, inside = np.inf, False
    corners = vertices.tolist()  # Python floats keep the precision of the arrays
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        edge_x, edge_y = bx - ax, by - ay
        along_x, along_y = x - ax, y - ay
        part = np.clip((along_x * edge_x + along_y * edge_y) / (edge_x**2 + edge_y**2), 0, 1)
        off_x, off_y = along_x - part * edge_x, along_y - part * edge_y
        squared = np.minimum(squared, off_x * off_x + off_y * off_y)
        spans = (along_y >= 0) != (y >= by)
        inside = inside ^ spans & ((along_x * edge_y < along_y * edge_x) == (edge_y > 0))
    distance = np.sqrt(squared)
    return np.where(inside, -distance, distance)


def _crescent_distance(x, y, radius=0.92, bite=0.78, offset=0.5):
    """Computes the distance to a disc from which a second disc is cut out at the right."""
    x, y = x - 0.1, np.abs(y)
    tip_x = (radius**2 - bite**2 + offset**2) / (2 * offset)
    tip_y = (radius**2 - tip_x**2) ** 0.5
    near_tip = x * tip_y - y * tip_x > offset * np.maximum(tip_y - y, 0)
    body = np.maximum(np.hypot(x, y) - radius, bite - np.hypot(x - offset, y))
    return np.where(near_tip, np.hypot(x - tip_x, y - tip_y), body)


def signed_distance(name, x, y):
    """Computes the distance of points to the outline of a unit shape, negative inside it.

    Every unit shape lies in the circle of radius 1 about the origin. `x` points right and `y` up.

    Args:
        name: String, one of `CLASS_NAMES`.
        x: Array or number.
        y: Array or number that broadcasts with `x`.

    Returns:
        The exact Euclidean distance, a float array of the broadcast shape.

    Raises:
        ValueError: If `name` is not one of `CLASS_NAMES`.
    """
    x, y = (np.asarray(values, np.result_type(x, y, np.float32)) for values in (x, y))
    if name == "disc":
        return np.hypot(x, y) - 0.8
    if name == "ring":
        return np.abs(np.hypot(x, y) - 0.7) - 0.2
    if name == "crescent":
        return _crescent_distance(x, y)
    if name in _POLYGONS:
        return _polygon_distance(x, y, _POLYGONS[name])
    raise ValueError(f"Unknown shape {name!r}: expected one of {', '.join(CLASS_NAMES)}.")
