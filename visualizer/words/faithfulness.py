"""What curves of deletion and insertion say, in plain words."""

from visualizer.measures.faithfulness import DELETION, INSERTION, Faithfulness

MEANING = (
    "A low deletion AUC, a high insertion AUC and a high ROAD score say that the model uses what the map marks. A map that is "
    "no better than a random order does not show what the model uses; one that is no better than the centre prior, the colour "
    "contrast or the untrained network may owe its score to the picture alone."
)
"""What would be a bad value."""


def describe_faithfulness(found: Faithfulness, baseline: str | None = None) -> str:
    """The curves of one baseline in a few sentences, for people who do not see the figure.

    Args:
        found: the curves.
        baseline: as for `deletion_insertion`.
    """
    chosen = found.curve(DELETION, baseline=baseline).baseline
    said = []
    for kind in (DELETION, INSERTION):
        areas = ", ".join(f"{order} {_said(found, found.curve(kind, order, chosen).auc)}" for order in found.orders)
        said.append(f"Area under the curve of {kind}: {areas}.")
    return f"Asked about {found.about}, baseline {chosen}. " + " ".join(said)


def _said(found: Faithfulness, value: float) -> str:
    return f"{100 * value:.1f} %" if found.unit == "probability" else f"{value:.3f}"
