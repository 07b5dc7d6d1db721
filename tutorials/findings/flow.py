"""Attention flow on a toy of three layers, one head, a class token and four patches, whose numbers can be added on paper."""

from typing import Any

import numpy as np

from tutorials.findings.context import Finding
from visualizer.measures.flow import Flow, attention_flow, largest_flow
from visualizer.measures.rollout import class_rollout

NAMES = ("class token", "patch 1", "patch 2", "patch 3", "patch 4")

LAYERS = (
    np.array(
        [
            [[[0, 0, 0, 0, 5], [0, 0, 5, 0, 0], [0, 5, 0, 0, 0], [0, 2, 0, 0, 3], [0, 0, 5, 0, 0]]],
            [[[0, 2, 1, 2, 0], [1, 0, 0, 3, 1], [0, 4, 0, 0, 1], [3, 0, 2, 0, 0], [0, 3, 2, 0, 0]]],
            [[[0, 0, 0, 0, 5], [2, 0, 0, 0, 3], [0, 0, 0, 2, 3], [0, 0, 4, 0, 1], [3, 1, 1, 0, 0]]],
        ]
    )
    / 5
)
"""(3, 1, 5, 5) weights; with the usual residual share of 0.5 every pipe is a multiple of a tenth."""

FULL = 1 - 1e-6


def between(target: int, residual: float = 0.5) -> Flow:
    """The largest flow from the class token to a token of the toy."""
    return largest_flow(list(LAYERS), 0, target, residual)


def numbers() -> dict[str, tuple[float, float]]:
    """For every patch of the toy its flow from the class token and its rollout."""
    pairs = zip(attention_flow(list(LAYERS)).tolist(), class_rollout(list(LAYERS)).tolist(), strict=True)
    return dict(zip(NAMES[1:], list(pairs)[1:], strict=True))


def toy_ties(now: Any) -> Finding:
    """Which patches of the toy tie at 1.0."""
    found = numbers()
    full = [name.removeprefix("patch ") for name, (flow, _) in found.items() if flow >= FULL]
    each = "; ".join(f"{name}: flow {flow:.1f}, rollout {share:.3f}" for name, (flow, share) in found.items())
    most = max(found, key=lambda name: found[name][1])
    return Finding(
        f"Patches {' and '.join(full)}",
        f"{each}. The patches that tie receive all that leaves the class token, and the cut in front of them is its own pipes. "
        f"{most.capitalize()} has the largest rollout and does not reach 1.0: rollout adds all paths, a flow asks for the narrowest place.",
    )
