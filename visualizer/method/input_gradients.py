"""Input gradients: how much a small change of a patch's pixels, or of a word's embedding, changes a score."""

from visualizer.method.base import Knob, Knobs, Map, Method
from visualizer.method.parts import of_parts, score_words, summed
from visualizer.method.question import Question
from vit_attention.records import AttentionRecord

TIMES_INPUT = Knob(
    "times_input",
    "no",
    "Times the input",
    "Gradients times prepared pixels or word embeddings, signed; without, absolute gradients.",
    choices=("no", "yes"),
)


def input_gradients(record: AttentionRecord, question: Question, knobs: Knobs) -> Map:
    """The run's sums over all pixels and channels of a patch, or over all numbers of a word embedding."""
    times = knobs["times_input"] == "yes"
    what = "gradient times input" if times else "absolute gradient"
    words = f"{what} of {score_words(record)}, {summed(record)}"
    return of_parts(record, record.signals["input-gradients"], words, what, signed=times)


METHOD = Method(
    input_gradients,
    meaning="How strongly the raw score of one class, or a similarity, changes with a patch's pixels or a word's embedding.",
    source="Simonyan et al. 2014, arXiv:1312.6034, section 3",
    signals=frozenset({"target"}),
    run=(TIMES_INPUT,),
    layers="all",
    asked_by="nobody",
    place=70,
)
