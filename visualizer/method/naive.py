"""Naive patch-text similarity: patches as they leave a layer, compared with a label."""

from visualizer.method.base import Method
from visualizer.method.labels import KNOBS, method_of

METHOD = Method(
    method_of("naive", "patches as they leave the layer"),
    meaning="How similar each patch is to a label after the chosen layer, as it leaves the layer.",
    source="cosine similarity of Radford et al. 2021, arXiv:2103.00020, with patches in place of the picture",
    knobs=KNOBS,
    plain_run=True,
    title="label similarity, naive",
    asked_by="label",
    place=95,
)
