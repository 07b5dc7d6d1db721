"""RISE: how probable a class is, on average, when a patch can be seen, whatever else is hidden at random."""

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts
from visualizer.method.question import Question
from vit_attention.records import AttentionRecord, Similar

MASKS = Knob("masks", 200, "Masks", "Random masks; the time grows with them, and the noise falls.", low=1, high=10_000)
CELLS = Knob("cells", 7, "Cells", "Rows and columns of the coarse grid that masks are enlarged from.", low=2, high=64)
KEPT = Knob(
    "kept",
    0.5,
    "Share kept p",
    "Probability that a cell of the coarse grid can be seen.",
    low=0.05,
    high=1,
    below=True,
    step=0.05,
)
SEED = Knob("seed", 0, "Seed", "Of what is random; the same seed gives the same numbers.", high=9999)


def rise(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's expected probabilities, or similarities, one a patch."""
    said = record.prediction
    what = said.asked_words if isinstance(said.target, Similar) else f"the probability of {said.asked}"
    words = f"mean of {what} under {knobs['masks']} random masks, by what they leave to be seen"
    unit = "cosine similarity" if isinstance(said.target, Similar) else "probability"
    return of_parts(record, record.signals["rise"], words, unit)


METHOD = Method(
    rise,
    meaning="How probable one class is, or how large a similarity, on average over random masks that leave a patch to be seen; no "
    "weight is used.",
    source="Petsiuk et al. 2018, arXiv:1806.07421, section 3, equation 6",
    signals=frozenset({"target"}),
    run=(MASKS, CELLS, KEPT, SEED),
    passes=lambda knobs, grid: int(knobs["masks"]),
    title="RISE",
    layers="all",
    changes="picture",
    asked_by="nobody",
    place=81,
)
