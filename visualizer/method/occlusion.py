"""Occlusion: how much a class's score, or a similarity, falls when a part of the picture is covered."""

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts, score_unit, score_words
from visualizer.method.question import Question
from vit_attention.records import AttentionRecord

COVER = Knob(
    "cover",
    "window",
    "Covered at a time",
    "A square of patches, or a superpixel: a part of similar colour, by SLIC.",
    choices=("window", "superpixels"),
)
SQUARES, SUPERPIXELS = ("cover", "window"), ("cover", "superpixels")
WINDOW = Knob("window", 1, "Window", "Side of the covered square in patches.", low=1, when=SQUARES)
STRIDE = Knob("stride", 1, "Stride", "Steps between covered squares in patches.", low=1, when=SQUARES)
SEGMENTS = Knob(
    "segments", 50, "Superpixels", "About how many the picture is cut into.", low=1, high=2000, when=SUPERPIXELS
)
FILL = Knob(
    "fill", "mean", "Filled with", "The picture's mean colour, or 0 of the prepared pixels.", choices=("mean", "zero")
)


def occlusion(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's falls of the target's score, one a patch: the mean over all covered parts that it lies in."""
    by = ", by superpixels" * (knobs["cover"] == "superpixels")
    words = f"fall of {score_words(record)} when covered{by}"
    return of_parts(record, record.signals["occlusion"], words, score_unit(record), signed=True)


def covered_parts(knobs: Knobs, grid: tuple[int, int]) -> int:
    """How many squares cover a grid of (rows, columns), the last of a row ending at the edge; or how many superpixels.

    >>> [covered_parts({"cover": "window", "window": n, "stride": n}, (14, 14)) for n in (1, 2, 4)]
    [196, 49, 16]
    """
    if knobs["cover"] == "superpixels":
        return int(knobs["segments"])
    side, step = int(knobs["window"]), int(knobs["stride"])
    rows, columns = (max(0, -(-(length - side) // step)) + 1 for length in grid)
    return rows * columns


METHOD = Method(
    occlusion,
    meaning="How much the raw score of one class, or a similarity, falls when a square of patches, or a superpixel, is covered; no "
    "weight is used.",
    source="Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2; superpixels of Achanta et al. 2012, doi:10.1109/TPAMI.2012.120",
    signals=frozenset({"target"}),
    run=(COVER, WINDOW, STRIDE, SEGMENTS, FILL),
    layers="all",
    changes="picture",
    passes=covered_parts,
    asked_by="nobody",
    place=80,
)
