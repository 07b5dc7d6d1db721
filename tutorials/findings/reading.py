"""Lesson "Reading with cross-attention": whether the model looks at what it writes, and when it need not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Finding
from tutorials.findings.controls import WHERE, WORDS, against, in_groups
from tutorials.findings.head_sample import Sample, measured, pooled
from tutorials.findings.page import BUNDLED, OTHERS, Document, Reading
from visualizer.measures.entropy import entropy
from visualizer.measures.fields import canonical, kind
from visualizer.measures.pointing import Box, points_into
from visualizer.measures.ranks import rank_correlation
from visualizer.words.reading import called
from vit_attention.records import AttentionRecord

NEXT, LAST = "On the print that is read next", "On the print that was read last"
OTHER, BLANK = "On other print", "On blank paper"
EARLIER, OWN, LATER = "The row before its own", "Its own row", "The row after its own"

NO_TRUTH = Finding(None, "Where the words of your own page stand is not known. Choose a drawn page in the sidebar.")
HALF, TWICE = 0.5, 2.0
"""A word counts as looked at if half of its kind hit, and at twice the rate of chance."""
POINTS = 0.1 - 1e-9
"""Hit rates differ if they are this far apart: 10 percentage points, less what subtracting rounds."""
BIT = 1.0
UNSURE = -0.3
"""Rank correlation from which on entropy and probability are said to go against each other."""
SURE = 0.9
"""Where every piece had more than this probability, the model was nowhere unsure."""
PAGES = 6
"""Pages of a sample: about two seconds of reading with the bundled model."""
FEW = 10
"""Tokens of a kind below which a rate says nothing."""


def other_pages(kind: str, first: int, articles: int = 3) -> list[Document]:
    """`PAGES` drawn pages of consecutive seeds, receipts or "invented" ones."""
    return [Document.drawn(f"{kind}-{seed}-{articles}") for seed in range(first, first + PAGES)]


def sample_pages(model: Any, picture: None, kind: str, first: int = OTHERS) -> Sample:
    """The sample of `other_pages`."""
    pages = other_pages(kind, first)
    return pooled([measured(model.attend(one.image, prompt=one.prompt, kinds=("cross",)), one.values) for one in pages])


def several_pages(now: Reading, kind: str = "receipt") -> Sample | None:
    """`sample_pages` of the reader; None for one too slow to read several pages."""
    return now.run(sample_pages, now.model, None, kind, now.others) if now.model == BUNDLED else None


def sample_page(model: Any, document: Document, prompt: str, record: AttentionRecord) -> Sample:
    """Hits and entropy of every head in a record of the page; of an own page the entropies alone."""
    return measured(record, document.values)


def page_sample(now: Reading) -> Sample:
    """Hits and entropy of every head on this page."""
    return now.run(sample_page, now.model, now.document, now.prompt, record=now.record)


@dataclass(frozen=True)
class TagPlace:
    """Where the strongest cell of a tag lies: its row, the tag, one of the four places, its share, its entropy in bits."""

    token: int
    tag: str
    place: str
    share: float
    bits: float


def tag_places(now: Reading) -> list[TagPlace]:
    """Every opening tag that a value follows at once; [] without truth."""
    if now.document.truth is None or now.record.geometry is None:
        return []
    boxes = {canonical(path): where for path, _, where in now.document.values}
    print_ = [word.box for word in now.document.truth.words]
    found, heats, before = [], now.heats(), ""
    for one in now.fields:
        tag, path = (one.tokens[0] if one.tokens else 0) - 1, canonical(one.path)
        if tag >= 0 and kind(now.tokens[tag]) == "open":
            heat = heats[tag]
            place = next(
                (
                    name
                    for name, where in ((NEXT, boxes.get(path, [])), (LAST, boxes.get(before, [])), (OTHER, print_))
                    if _lies_on(now, heat, where)
                ),
                BLANK,
            )
            bits = float(entropy(heat.ravel()))
            found.append(TagPlace(tag, now.tokens[tag], place, float(np.nanmax(heat)), bits))
        before = path
    return found


def _lies_on(now: Reading, heat: NDArray[np.float32], boxes: Sequence[Box]) -> bool:
    """Whether the strongest cell holds enough of one of these boxes on the original page."""
    geometry = now.record.geometry
    if geometry is None or not len(boxes):
        return False
    corners = geometry.to_seen(np.asarray(boxes, np.float64).reshape(-1, 2)).reshape(-1, 2, 2)
    seen = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return bool(points_into(np.broadcast_to(heat, (len(seen), *heat.shape)), seen, geometry.seen).any())


def where_tags_look(now: Reading) -> Finding:
    """What lies under the strongest cell when an opening tag is written, most often."""
    if now.document.truth is None:
        return NO_TRUTH
    found = tag_places(now)
    if not found:
        return Finding(None, "The model wrote no tag with a value on this page.")
    counts = Counter(one.place for one in found)
    most = max(counts.values())
    best = tuple(place for place in (NEXT, LAST, OTHER, BLANK) if counts[place] == most)
    spoken = "; ".join(f"{place[0].lower()}{place[1:]}: {counts[place]}" for place in (NEXT, LAST, OTHER, BLANK))
    return Finding(best, f"{now.map_name().capitalize()}, {len(found)} opening tags before a value: {spoken}.")


def which_row(now: Reading) -> Finding:
    """Which row of the map hits a token's print most often: the one before it, its own, or the one after."""
    truth = now.printed
    if truth is None or now.record.geometry is None:
        return NO_TRUTH
    rows = np.flatnonzero(truth.words | truth.digits)
    rows = rows[(rows > 0) & (rows < len(now.tokens) - 1)]
    if not len(rows):
        return Finding(None, "0 values of this page were read right, and this needs at least 1 to compare.")
    rates = {}
    for name, shift in ((EARLIER, -1), (OWN, 0), (LATER, 1)):
        hit = points_into(now.heats()[rows + shift], truth.boxes[rows], now.record.geometry.seen)
        rates[name] = float(hit.mean())
    best = tuple(name for name, rate in rates.items() if rate == max(rates.values()))
    spoken = "; ".join(f"{name[0].lower()}{name[1:]}: {rate:.0%}" for name, rate in rates.items())
    text = (
        f"{now.map_name().capitalize()}, {len(rows)} tokens of letters and digits whose print is known. The strongest "
        f"cell lies on it in: {spoken}. Neighbours on the page share cells, so the other rows hit now and then too."
    )
    return Finding(best, text)


@against(*WHERE, WORDS)
def looked_at(now: Reading) -> Finding:
    """Whether the strongest cell of most tokens of letters and digits lies on their own print."""
    found = now.hits()
    if found is None:
        return NO_TRUTH
    count = found.words.tokens + found.digits.tokens
    if not count:
        return Finding(
            None, "0 values of this page were read right, and this needs at least 1: no token's place is known."
        )
    rate = _mean((found.words.hit, found.words.tokens), (found.digits.hit, found.digits.tokens))
    guess = _mean((found.words.chance, found.words.tokens), (found.digits.chance, found.digits.tokens))
    text = (
        f"{now.map_name().capitalize()}: the strongest cell lies on the token's own print for {rate:.0%} of {count} "
        f"tokens of letters and digits; a cell picked at random would for {guess:.1%}. Left out: {found.left_out} "
        "tokens of values read wrong."
    )
    return Finding(rate >= HALF and rate > TWICE * guess, text)


def _mean(*parts: tuple[float, int]) -> float:
    return sum(rate * count for rate, count in parts if count) / sum(count for _, count in parts)


@against(WORDS)
def tags_spread(now: Reading) -> Finding:
    """Whether tags read from more cells than text does."""
    kinds = np.array([kind(token) for token in now.tokens])
    known = np.isfinite(now.heats()).all(axis=(1, 2))
    bits = np.where(known, entropy(np.nan_to_num(now.heats().reshape(len(kinds), -1), nan=1.0)), np.nan)
    tags, text = known & np.isin(kinds, ("open", "close")), known & np.isin(kinds, ("word", "part"))
    if not tags.any() or not text.any():
        return Finding(None, "This reading holds no tags, or nothing but tags.")
    of_tags, of_text = float(bits[tags].mean()), float(bits[text].mean())
    said = (
        f"{now.map_name().capitalize()}: mean entropy {of_tags:.2f} bits over {int(tags.sum())} tags and {of_text:.2f} "
        f"bits over {int(text.sum())} pieces of text; the largest possible is {np.log2(now.heats()[0].size):.2f} bits."
    )
    return Finding(of_tags >= of_text + BIT, said)


@in_groups
@against(WORDS)
def rest_guessed(now: Reading) -> Finding:
    """Whether what completes a word is looked at no more than twice as often as chance would, on this page and others."""
    if now.document.truth is None:
        return NO_TRUTH
    others = several_pages(now)
    found = pooled([page_sample(now), *([] if others is None else [others])])
    starts, later = (int(n) for n in found.tokens[:2])
    if later < FEW:
        return Finding(
            None, f"{later} pieces that go on with a word were read right here; {FEW - later} more are needed."
        )
    first, rest = (found.rate((kind,), now.layer, now.head) for kind in ("starts", "later"))
    where = "this page" if others is None else f"this page and {PAGES} other receipts"
    text = (
        f"{now.map_name().capitalize()}, {where}: the strongest cell lies on the print for {first:.0%} of {starts} pieces that "
        f"start a word and for {rest:.0%} of {later} that go on with one; a cell picked at random would for {found.chance:.1%}. "
        "Guessed without looking would be near chance."
    )
    return Finding(rest <= TWICE * found.chance, text)


@in_groups
@against(WORDS)
def invented_read(now: Reading) -> Finding:
    """Whether endings of words that do not exist are looked at more often than endings of known words."""
    known = several_pages(now)
    strange = several_pages(now, "invented")
    if known is None or strange is None:
        return Finding(None, "Reading a dozen pages with this model would take too long; receipt-donut can.")
    rates = [part.rate(("later",), now.layer, now.head) for part in (known, strange)]
    counts = [int(part.tokens[1]) for part in (known, strange)]
    if not all(counts):
        return Finding(
            None,
            "0 words of several pieces were read right on one of the two kinds of pages, and this needs at least 1.",
        )
    text = (
        f"{now.map_name().capitalize()}, {PAGES} receipts of each kind: later pieces whose strongest "
        f"cell lies on their print: {rates[0]:.0%} of {counts[0]} in known words, {rates[1]:.0%} of {counts[1]} in words "
        f"that do not exist. Left out, since read wrong: {known.left_out} and {strange.left_out} tokens."
    )
    return Finding(rates[1] - rates[0] >= POINTS, text)


@against(WORDS)
def unsure_spread(now: Reading) -> Finding:
    """Whether tokens read from many cells are those the model gave a low probability."""
    chances = now.chances
    if not np.isfinite(chances).any():
        return Finding(None, "This reading was kept without its probabilities.")
    pieces = np.isfinite(chances) & np.isfinite(now.heats()).all(axis=(1, 2))
    rows = [t for t in np.flatnonzero(pieces).tolist() if kind(now.tokens[t]) in ("word", "part")]
    if len(rows) < 3:
        return Finding(None, "This reading holds too few pieces of text to be ranked.")
    known = chances[rows]
    low = rows[int(np.argmin(known))]
    least = f"The least sure was {called(now.tokens, low)}, with a probability of {known.min():.1%}"
    if known.min() > SURE:
        return Finding(None, f"{least}: the model was never unsure here. Try an invented page or your own.")
    found = rank_correlation(entropy(now.heats()[rows].reshape(len(rows), -1)), known)
    if not np.isfinite(found):
        return Finding(None, "All pieces have the same entropy or the same probability here.")
    text = (
        f"{now.map_name().capitalize()}, {len(rows)} pieces of text: rank correlation of entropy and probability "
        f"{found:.2f}. {least}."
    )
    return Finding(found < UNSURE, text)
