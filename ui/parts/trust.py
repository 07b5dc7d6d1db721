"""The trust card: what can be checked about the map on the page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context, used
from tutorials.plain import plain
from ui.parts import components, panels, peer, widgets
from ui.store import pictures, resources
from visualizer import effective_share, entropy, gini
from visualizer.measures import score
from visualizer.measures.controls import Scored, score_against
from visualizer.measures.faithfulness import MAP
from visualizer.measures.outliers import outliers
from vit_attention.models.cards import caution
from vit_attention.records import AttentionRecord

USED = "uses"
"""Key of the switch that covers the picture step by step."""

Fact = tuple[str, str, str]
"""(check, figure with unit, meaning)."""


def card(
    now: Context,
    values: NDArray[Any],
    row: NDArray[Any] | None = None,
    what: str = "this map",
    made: peer.Made | None = peer.RAW,
    side: str = "",
) -> None:
    """Draw the card of a map of attention, if it is wanted.

    Args:
        now: the context of the page.
        values: (rows, columns) the map drawn.
        row: (tokens,) the weights it was taken from, special tokens included; None for maps that are no weights. What has
            negative or undefined values is taken for none.
        what: the map in words.
        made: how it is made, so that another model's can stand beside it.
        side: which of two maps it is, each of which has a card; the switch of each has a name of its own.
    """
    if not panels.wanted(panels.TRUST):
        return
    outline, given = (
        pictures.outline(now.picture.id),
        [components.told(np.asarray(one)) for one in (values, () if row is None else row)],
    )
    key = ("trust", now.view, *given, repr(made), outline and hash(outline))
    checks = resources.once(key, lambda: facts(now, values, row, made))
    which, switch = (f"the map on the {side}", f"{USED}_{side}") if side else ("the map", USED)
    label = f"Does the model use what {which} marks? ({used.passes(made)} passes)"
    if can_be_covered(now) and widgets.toggle(label, switch):
        checks = [*checks, *of_use(now, values, made)]
    draw(f"For {what}.", checks)


def can_be_covered(now: Context) -> bool:
    """Whether a probability can be watched while patches are covered: there are classes, and a model to run."""
    drawn = now.axis.kind == "patches" and not now.of_text and now.size is None
    return drawn and bool(now.record.prediction.labels) and not now.picture.key.startswith("bundle-")


def of_use(now: Context, values: NDArray[Any], made: peer.Made | None) -> list[Fact]:
    """Deletion and insertion of the map, beside orders that know nothing; and how steady it is under noise."""
    with st.spinner("The model looks at the picture with more and more of it covered ..."):
        found = used.areas(now, np.asarray(values, np.float64), made)
        ranks = used.ranks_under_noise(now, values, made) if made and used.can_be_remade(made) else None
    label = now.record.prediction.top(1)[0][0]
    own, facts_of = found.pop(MAP), []
    for at, (name, how, bad) in enumerate(_CURVES):
        beside = ", ".join(f"{one} {100 * both[at]:.1f} %" for one, both in found.items())
        meaning = (
            f"mean probability of {plain(label)} while {how}, in tenths of the picture, in its mean colour; {beside}. Bad: {bad} than the "
            "best of these, which know nothing of the trained model"
        )
        facts_of.append((f"the model uses it: {name} AUC", f"{100 * own[at]:.1f} %", meaning))
    return facts_of if ranks is None else [*facts_of, _steady(ranks)]


def _steady(ranks: NDArray[np.float64]) -> Fact:
    """How much of a map's order is left under noise."""
    meaning = (
        f"smallest of {len(ranks)} rank correlations with the same map of this picture under noise that nobody would see (standard deviation "
        f"{used.NOISE:.0f} of 255 grey levels). Bad: well below 1, as the map then depends on what does not matter; a steady map may "
        "still be wrong"
    )
    return (
        "stable under small noise",
        "a constant map" if np.isnan(ranks).all() else f"{np.nanmin(ranks):+.2f}",
        meaning,
    )


_CURVES = (
    ("deletion", "the strongest patches are covered first", "no lower"),
    ("insertion", "the strongest patches are shown first on a covered picture", "no higher"),
)


def draw(caption: str, checks: Sequence[Fact]) -> None:
    """A card of checks, if it is wanted."""
    if not panels.wanted(panels.TRUST):
        return
    with st.container(border=True):
        if caption:
            st.caption(plain(caption))  # a label or a token may be called anything
        st.markdown("\n".join(["| check | here | what it means |", "|---|---|---|", *(line(one) for one in checks)]))


def line(fact: Fact) -> str:
    return "| " + " | ".join(part.replace("|", "\\|") for part in fact) + " |"


def facts(
    now: Context, values: NDArray[Any], row: NDArray[Any] | None = None, made: peer.Made | None = None
) -> list[Fact]:
    """Every check that applies to the map."""
    found, unheard = proof(now.record), now.record.settings.get("unheard")
    if isinstance(unheard, list) and unheard:
        # A number and no names: what a file says is never markup.
        meaning = "attention layers of this network that could not be captured; methods that multiply layers refuse"
        found.append(("not heard", f"{len(unheard)} layers", meaning))
    if now.of_text and row is not None:
        row = np.nan_to_num(np.asarray(row, np.float32), nan=-1)  # what is not defined is no share
    if row is not None and (np.asarray(row, np.float32) >= 0).all():
        found += _of_row(now, _shares(np.asarray(row, np.float32)))
    return found if now.of_text else found + concentrated(values) + _score(now, values, made)


def concentrated(values: NDArray[Any]) -> list[Fact]:
    """How few patches hold a map's magnitudes; nothing for a map without any.

    >>> [fact[:2] for fact in concentrated(np.array([[1.0, 0.0], [1.0, 0.0]]))]
    [('Gini index', '0.50'), ('effective share', '50 % of the patches')]
    """
    index, share = gini(values), effective_share(values)
    if np.isnan(index):
        return []
    return [
        (
            "Gini index",
            f"{index:.2f}",
            "of the patches' sizes, without their signs; 0: all the same, so the map points nowhere; near 1: a few patches hold "
            "everything, be they right or wrong",
        ),
        (
            "effective share",
            f"{100 * share:.0f} % of the patches",
            f"over which the map spreads (2 to the power of its entropy); near 100 % it says little, and {100 / np.size(values):.1f} % is a "
            "single patch, perhaps a sink",
        ),
    ]


def proof(record: AttentionRecord) -> list[Fact]:
    """What can be checked about every record: its parity with PyTorch's attention, and its row sums."""
    error = max(float(one.row_error) for one in record.maps)
    return [
        (
            "parity residual",
            residual(record),
            "largest difference, over a few rows of every block, between these weights times the block's values and what "
            "PyTorch's own attention gives; about a millionth of the size of what is compared is the rounding of 32-bit "
            "numbers",
        ),
        (
            "row sums",
            f"1 ± {error:.1e}",
            "every row of weights must add up to 1; where they are kept in half precision (16 bits a number), that alone "
            "gives up to 5e-4",
        ),
    ]


def residual(record: AttentionRecord) -> str:
    """The record's parity residual in words; that of an opened file is the file's word and no finding of ours.

    >>> residual(AttentionRecord(()))
    'not proved'
    """
    if record.residual is None:
        return "not proved"
    return f"{record.residual:.1e}" + ", stated by the file; not checked here" * record.loaded


def _shares(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """The row divided by its sum; relevance, lengths of tokens and others do not add up to 1 by themselves.

    >>> _shares(np.float32([3, 1])).tolist()
    [0.75, 0.25]
    """
    total = float(row.sum())
    return row if abs(total - 1) < 0.01 or total == 0 else row / np.float32(total)


def _of_row(now: Context, row: NDArray[np.float32]) -> list[Fact]:
    long = ("not measured", "needs the lengths of the tokens")
    if now.record.norms.size:
        long_ones = outliers(now.record.norms[-1], now.axis.prefix).tokens
        what = "tokens" if now.of_text else "patches"
        long = (
            f"{float(row[long_ones].sum()):.1%} on {int(long_ones.sum())} {what}",
            f"{what} whose token is unusually long after the last layer: candidates for sinks (Darcet et al. 2023)",
        )
    special = np.arange(len(row)) < now.axis.prefix
    special |= np.array([word < 0 for word in now.axis.words], bool) if now.axis.words else False
    shows = "is on no word of the text" if now.of_text else "no patch on the picture can show"
    return [
        ("on special tokens", f"{float(row[special].sum()):.1%}", f"share of the row that {shows}"),
        ("on long tokens", *long),
        spread(row, "token"),
    ]


def spread(row: NDArray[Any], thing: str) -> Fact:
    """The entropy of (things,) shares that sum to 1; not known where they are not defined.

    >>> spread(np.float32([0.5, 0.5]), "cell")[:2]
    ('entropy', '1.00 bits of 1.00')
    """
    if not np.isfinite(row).all():
        return "entropy", "not known", "this map was not captured"
    bits = f"{float(entropy(row)):.2f} bits of {np.log2(len(row)):.2f}"
    return "entropy", bits, f"0: one {thing} holds everything; the maximum: all {thing}s hold the same"


def _score(now: Context, values: NDArray[Any], made: peer.Made | None) -> list[Fact]:
    truth = now.truth
    if truth is None or now.picture.scene is None:
        return _outlined(now, values, made)
    found = [
        (
            "points at an object",
            "yes" if bool(score.pointing_hit(values, truth)) else "no",
            "agreement with the outline: strongest patch more than 10 % covered by an object; a random patch: "
            f"{float((truth > 0.1).mean()):.0%}. A weak score: colour alone lets many maps of untrained models point",
        )
    ]
    if (np.asarray(values) >= 0).all():  # a sum of signed values has no shares
        mass, area = float(score.mass_in_mask(values, truth)), float(truth.mean())
        meaning = (
            f"agreement with the outline: share of the patches' sum inside the true outline; by chance {area:.1%}, so {mass / max(area, 1e-9):.1f} x "
            "chance"
        )
        found.append(("weight on objects", f"{mass:.1%}", meaning))
    if now.record.geometry is not None and truth.any():
        found.append(
            _overlapping(
                "objects", score_against(values, now.picture.scene.mask, now.picture.image, now.record.geometry)
            )
        )
    return found + _caution(now)


def _overlapping(what: str, scored: Sequence[Scored]) -> Fact:
    """The overlap of a map's strongest patches with those of an outline, beside that of the controls."""
    own, *controls = scored
    beside = ", ".join(f"{one.name} {one.iou:.2f}" for one in controls)
    meaning = (
        f"patches in both over patches in either, of as many strongest patches as the outline covers; {beside}. Bad: no more than "
        "these. It says that map and outline agree, and not that the model used the object"
    )
    return f"overlap (IoU) with: {what}", f"{own.iou:.2f}", meaning


def _outlined(now: Context, values: NDArray[Any], made: peer.Made | None) -> list[Fact]:
    """A photograph's scores on the chosen outline, beside those of maps that know no model."""
    outline, geometry = pictures.outline(now.picture.id), now.record.geometry
    if outline is None or geometry is None:
        return [("against the truth", "unknown", "only drawn scenes and some sample photographs come with outlines")]
    scored = score_against(values, outline.mask(), now.picture.image, geometry)
    own, chance, *controls = scored
    hits = ", ".join(f"{one.name} {_yes(one.hit)}" for one in controls)
    found = [
        (
            f"points at: {outline.name}",
            _yes(own.hit),
            f"agreement with the outline: strongest patch more than 10 % covered by it; a random patch: {chance.hit:.0%}; {hits}",
        )
    ]
    if not np.isnan(own.inside):
        shares = "; ".join(f"{one.name} {one.inside:.1%}" for one in (chance, *controls))
        meaning = f"agreement with the outline: share of the patches' sum inside the hand-drawn outline; {shares}. These three know no model"
        found.append((f"weight on: {outline.name}", f"{own.inside:.1%}", meaning))
    found += [_overlapping(outline.name, scored), *_caution(now)]
    if line_of_peer := peer.beside(now, outline, made):
        found.append(line_of_peer)
    return found


def _caution(now: Context) -> list[Fact]:
    said = caution(now.model)
    return [("what a score here does not say", "", said)] if said else []


def _yes(hit: float) -> str:
    return "yes" if hit else "no"
