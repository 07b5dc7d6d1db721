"""Grad-CAM on tokens."""

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts
from visualizer.method.question import Question
from vit_attention.records import AttentionRecord

AT = Knob(
    "at",
    "norm",
    "Taken at",
    "Features behind a block's first norm, or those that leave the block.",
    choices=("norm", "output"),
)
ABOVE = Knob(
    "above", 0, "Blocks above", "How many blocks lie above the one whose features are taken; 0 is the last block."
)


def grad_cam(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's positive parts, special tokens left out."""
    words = f"Grad-CAM for {record.prediction.asked_words}"
    return of_parts(record, record.signals["grad-cam"], words, "feature x mean gradient")


METHOD = Method(
    grad_cam,
    meaning="Which tokens have features in the last layer that raise the target's score, by the mean effect of each feature.",
    source="Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2, on tokens",
    title="Grad-CAM",
    signals=frozenset({"target"}),
    run=(AT, ABOVE),
    layers="all",
    asked_by="nobody",
    place=66,
)
