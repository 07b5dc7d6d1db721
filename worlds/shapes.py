"""The twelve shapes and eight colours that scenes are made of, as outlines around the origin."""

import math

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (245, 133, 24),
    "yellow": (240, 214, 50),
    "green": (46, 160, 67),
    "cyan": (46, 190, 200),
    "blue": (40, 80, 210),
    "purple": (136, 60, 190),
    "pink": (240, 120, 180),
}


def _arc(radius: float, start: float, stop: float, count: int = 40) -> Outline:
    angles = np.linspace(start, stop, count)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> Outline:
    angles = -math.pi / 2 + np.arange(10) * math.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _heart() -> Outline:
    t = np.linspace(0, 2 * math.pi, 60)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y - 2], axis=1) / 17


def _moon() -> Outline:
    outer = _arc(1.0, math.radians(55), math.radians(305))
    # The inner arc bites the disc from the right and ends where the outer one starts.
    inner = _arc(0.86, math.radians(287), math.radians(73)) + np.array([0.32, 0.0])
    return np.concatenate([outer, inner])


def _ring() -> Outline:
    # A keyhole path: out along the rim, back along the hole; the even-odd rule leaves the hole open.
    return np.concatenate([_arc(1.0, 0, 2 * math.pi, 60), _arc(0.55, 2 * math.pi, 0, 60)])


def _points(*xy: tuple[float, float]) -> Outline:
    return np.asarray(xy, dtype=np.float64)


SHAPES: dict[str, Outline] = {
    "circle": _arc(0.92, 0, 2 * math.pi, 60),
    "square": _points((-0.74, -0.74), (0.74, -0.74), (0.74, 0.74), (-0.74, 0.74)),
    "triangle": _points((0, -1), (0.95, 0.75), (-0.95, 0.75)),
    "star": _star(),
    "cross": _points(
        (-0.3, -0.95),
        (0.3, -0.95),
        (0.3, -0.3),
        (0.95, -0.3),
        (0.95, 0.3),
        (0.3, 0.3),
        (0.3, 0.95),
        (-0.3, 0.95),
        (-0.3, 0.3),
        (-0.95, 0.3),
        (-0.95, -0.3),
        (-0.3, -0.3),
    ),
    "ring": _ring(),
    "heart": _heart(),
    "moon": _moon(),
    "arrow": _points((-1, -0.26), (0.1, -0.26), (0.1, -0.75), (1, 0), (0.1, 0.75), (0.1, 0.26), (-1, 0.26)),
    "hourglass": _points((-0.72, -0.9), (0.72, -0.9), (0.1, 0), (0.72, 0.9), (-0.72, 0.9), (-0.1, 0)),
    "tee": _points(
        (-0.85, -0.8),
        (0.85, -0.8),
        (0.85, -0.25),
        (0.28, -0.25),
        (0.28, 0.95),
        (-0.28, 0.95),
        (-0.28, -0.25),
        (-0.85, -0.25),
    ),
    "bolt": _points((0.15, -1), (-0.65, 0.15), (-0.08, 0.15), (-0.25, 1), (0.65, -0.25), (0.06, -0.25), (0.5, -1)),
}
"""Name to outline: (n, 2) x, y in units of the radius, y down as in pictures; corners reach 0.92 to 1.21."""

NAMES: tuple[str, ...] = tuple(SHAPES)
"""Shape names in the order of the classes of `scene-vit`."""
