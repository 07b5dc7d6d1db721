"""dinov2-small beside photo-dino: the same map of a network that has seen no masks, scored on the same outline."""

from dataclasses import replace

from tutorials.findings import Context
from tutorials.findings.used import Made
from ui.store import resources
from visualizer.measures.controls import score_against
from visualizer.method import Map, methods
from vit_attention import registry
from worlds.outlines import Outline

# Of photo-dino's shape, trained without labels alone.
PEER = "dinov2-small"

# The chosen row of the chosen layer and head, as most pages draw it.
RAW: Made = ("raw", "", {})


def beside(now: Context, outline: Outline, made: Made | None) -> tuple[str, str, str] | None:
    """The line of the trust card with dinov2-small's score for a map of photo-dino; None for maps of other models.

    Args:
        now: what the page looks at.
        outline: what the map is scored on.
        made: how the map is made; None for one that is changed after it was made.
    """
    if now.model != resources.PHOTO_MODEL or made is None:
        return None
    label = f"{PEER} on: {outline.name}"
    if not resources.usable(PEER):
        card = registry.card(PEER)
        how = resources.refusal(PEER) or (
            f"not on this machine; chosen in the sidebar, it is fetched ({card.megabytes:.0f} MB), and its score then stands here"
        )
        return label, "not at hand", how
    if methods()[made[0]].run:
        return (
            label,
            "not computed",
            f"this method runs the model many times; choose {PEER} in the sidebar to see its map",
        )
    try:
        found = _map(now, made)
        own, *_ = score_against(found.values, outline.mask(), now.picture.image, now.record.geometry)
    except (ValueError, RuntimeError, OSError) as error:
        return label, "unknown", str(error)
    share = "" if own.inside != own.inside else f"{own.inside:.1%}, "  # NaN: a sum of signed values has no shares
    hit = "points at it" if own.hit else "does not point at it"
    return label, f"{share}{hit}", f"the same layer, head and method of {PEER}, which has seen no masks"


def _map(now: Context, made: Made) -> Map:
    if now.size is None:
        record = resources.record(PEER, now.picture)
    else:
        record = resources.fine_record(PEER, now.picture, now.size, now.chosen.layer)
    return replace(now, model=PEER, record=record).answer(*made)
