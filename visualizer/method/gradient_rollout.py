"""Gradient rollout: rollout of weights times gradients.

A is the positive part of the heads' mean of weights x gradient; (A + I) / 2, rows to 1, multiplied.
"""

from dataclasses import replace
from functools import partial

from visualizer.measures import rollout
from visualizer.method import relevance

METHOD = replace(
    relevance.METHOD,
    function=partial(
        relevance.relevance, rule=rollout.gradient_rollout, called="gradient rollout", unit="share of weight x gradient"
    ),
    meaning="Rollout with each layer's weights times their effect on one class's score. The query is the class token; with a "
    "similarity as the target, the token that it is about.",
    source="Gildenblat 2020, “Exploring explainability for vision transformers”; rollout as in arXiv:2005.00928, section 3",
    spoken=False,
    place=62,
)
