"""Lesson "Patch features": what the first principal component of a picture's patches follows, and what three leave out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Finding
from tutorials.findings.controls import demonstration
from tutorials.findings.patches import hidden_states, mean_colours
from visualizer.measures.components import Components, principal_components
from visualizer.measures.ranks import rank_correlation
from worlds.photographs import photographs

THING, HEIGHT, SIDE, LIGHT = "object and surroundings", "top and bottom", "left and right", "bright and dark"


def features(now: Context) -> NDArray[np.float32]:
    """(patches, width) tokens after the chosen layer, special tokens left out."""
    hidden: NDArray[np.float32] = now.run(hidden_states, now.model, now.picture)
    return hidden[now.chosen.layer + 1][now.axis.prefix :]


def fitted(now: Context) -> Components:
    """The three principal components of the page's picture after the chosen layer."""
    return principal_components(features(now))


def followed(now: Context) -> dict[str, float]:
    """What the first component could follow, to the size of its rank correlation over the patches, 0 to 1."""
    first, (rows, columns) = fitted(now).project(features(now))[:, 0], np.indices(now.grid).reshape(2, -1)
    could = {HEIGHT: rows, SIDE: columns, LIGHT: mean_colours(now).reshape(len(first), -1).mean(axis=-1)}
    if (truth := _truth(now)) is not None:
        could = {THING: truth.ravel(), **could}
    # The sign of a component is a convention, and so is that of its correlation.
    found = {name: abs(rank_correlation(first, values)) for name, values in could.items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _truth(now: Context) -> NDArray[np.float32] | None:
    """The share of every patch that the object covers; of a sample photograph the main one, which pages do not hand on."""
    known = photographs().get(now.picture.id)
    return now.truth if known is None else replace(now, picture=replace(now.picture, mask=known.mask)).truth


@demonstration
def first_component(now: Context) -> Finding:
    """Which of four differences between patches the first component follows most closely."""
    found = followed(now)
    if not found:
        return Finding(None, "All patches have the same features here, so that there is no component: 0 % of variance.")
    most = max(found, key=lambda name: found[name])
    listed = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
    missing = (
        "" if THING in found else " Nothing is outlined in this picture, so that its object could not be compared."
    )
    return Finding(most, f"Rank correlation with the first component, whatever its sign: {listed}.{missing}")


@demonstration
def left_out(now: Context) -> Finding:
    """How much of the variance of the features the three colours do not show, in percent."""
    each = [float(share) for share in fitted(now).explained]
    missing = 100 * (1 - sum(each))
    listed = " + ".join(f"{share:.1%}" for share in each)
    return Finding(missing, f"The three explain {listed} of the variance, and {missing:.1f} % is left out.")
