"""Patch similarity: how similar the features of patches are after a layer, without subtracting their mean."""

from dataclasses import replace
from functools import partial

from visualizer.method import likeness

METHOD = replace(
    likeness.METHOD,
    function=partial(likeness.likeness, centred=False),
    meaning="Patch similarity: how similar each patch is to the query patches after the chosen layer, without subtracting the "
    "mean.",
    place=91,
)
