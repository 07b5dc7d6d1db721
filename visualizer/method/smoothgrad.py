"""SmoothGrad: input gradients, averaged over copies of the input with noise."""

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts, score_words, summed
from visualizer.method.question import Question
from visualizer.method.rise import SEED
from vit_attention.records import AttentionRecord

SAMPLES = Knob("samples", 25, "Copies", "Copies with noise; the time grows with them.", low=1, high=10_000)
NOISE = Knob(
    "noise",
    0.15,
    "Noise",
    "Standard deviation as a share of the range of the pixels or word embeddings.",
    high=1,
    step=0.05,
)
ABSOLUTE = Knob(
    "absolute",
    "after",
    "Absolute values",
    "Taken after averaging, as in the paper's figures, or before, so that opposite signs cannot cancel.",
    choices=("after", "before"),
)


def smoothgrad(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's sums over all pixels and channels of a patch, or over all numbers of a word embedding."""
    mean = "absolute mean" if knobs["absolute"] == "after" else "mean absolute"
    words = (
        f"{mean} gradient of {score_words(record)} over {knobs['samples']} copies with noise of "
        f"{knobs['noise']:.0%}, {summed(record)}"
    )
    return of_parts(record, record.signals["smoothgrad"], words, "absolute gradient")


METHOD = Method(
    smoothgrad,
    meaning="How strongly the raw score of one class, or a similarity, changes with a patch's pixels or a word's embedding, averaged "
    "over copies of the input with noise.",
    source="Smilkov et al. 2017, arXiv:1706.03825, section 3",
    signals=frozenset({"target"}),
    run=(SAMPLES, NOISE, ABSOLUTE, SEED),
    passes=lambda knobs, grid: 3 * int(knobs["samples"]),  # a gradient takes about two more
    title="SmoothGrad",
    layers="all",
    asked_by="nobody",
    place=72,
)
