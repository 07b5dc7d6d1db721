"""How alike the tokens of patches are after a layer, the mean of all left in."""

from dataclasses import replace
from functools import partial

from visualizer.method import likeness

METHOD = replace(
    likeness.METHOD,
    function=partial(likeness.likeness, centred=False),
    meaning="How similar the tokens of patches are to the query patch's after the chosen layer, without subtracting the mean.",
    place=91,
)
