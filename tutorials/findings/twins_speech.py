"""What is asked before and after the lessons on captions, regions, labels and reviews, answered from what is looked at."""

from dataclasses import replace

import numpy as np

from tutorials.findings import asking, captions, deciding, sentence
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import NO_TRUTH, Context, Finding
from tutorials.findings.labelled import absent, named, thing_of, wrong_shape
from visualizer.measures.score import HIT_THRESHOLD, pointing_hit
from visualizer.measures.words import words_of
from worlds.captions import RELATIONS

BOTH, ONE, NEITHER = "On both things", "On one of the two things", "On neither of the two things"
ORDER, PLACES, ANY, NOTHING = "The first alone", "The second alone", "Each of the two", "Neither of the two"
TRUE, COLOUR, ALL = "That of the true label alone", "Those of the first two labels", "Those of all three labels"
TURNS, LESS, STAYS = "It turns into the other one", "It stays, but less probable", "It stays as probable as it was"
SURE = 0.1
"""A verdict that has lost less probability than this is as probable as it was."""
FIRST = 0
"""The layer nearest the text."""


def relation(now: Captioning) -> Finding:
    """On how many of two things the row of the relation has more than their share of the cells, in the mean of the heads."""
    covers, things = now.covers(), now.picture.scene.things if now.picture.scene else ()
    at = next((n for n, word in enumerate(now.words) if word in RELATIONS), None)
    if at is None or len(covers) != 2:
        return Finding(None, "This needs a scene of 2 objects and a sentence with left, right, above or below.")
    row = now.rows(None)[at]
    shares = [(float(row[on].sum()), float(on.mean())) for on in (cover > captions.HIT for cover in covers)]
    told = " and ".join(
        f"{share:.1%} of its weight on the {thing.shape}, whose cells are {even:.1%} of all"
        for (share, even), thing in zip(shares, things, strict=True)
    )
    return Finding(
        (NEITHER, ONE, BOTH)[sum(share > even for share, even in shares)],
        f"The row of “{now.words[at]}” has {told}. A relation can be said without a look at both things: where they are may "
        "have been remembered from earlier words, or passed on between the regions before the first word.",
    )


def order(now: Captioning) -> Finding:
    """Whether another order of the regions, or exchanged codes of their places, changes the sentence."""
    if not now.runs:
        return captions.NO_MODEL
    found, before = captions.shuffled(now), now.record.prediction.text
    changed = (found.moved != before, found.misplaced != before)
    return Finding(
        {(True, False): ORDER, (False, True): PLACES, (True, True): ANY}.get(changed, NOTHING),
        f"As it is: “{before}”. The {len(now.axis)} regions in a random order: “{found.moved}”. Place codes exchanged: "
        f"“{found.misplaced}”. A place in the list is no place in the picture: the network learns where a region lies from the "
        "numbers in its features alone.",
    )


def labels_on_objects(now: Context) -> Finding:
    """For how many of a true label, one of a wrong shape and a wholly wrong one the strongest patch lies on an object.

    Cosines after the last layer, of patches and labels; the objects are those of the scene, whichever is named.
    """
    about, scene, truth = named(now), now.picture.scene, now.truth
    thing = thing_of(scene, about.label) if about is not None and scene is not None else None
    if about is None or scene is None or thing is None or truth is None:
        return NO_TRUTH
    last = replace(now, chosen=replace(now.chosen, layer=len(now.record.maps) - 1))
    labels = (about.label, wrong_shape(scene, thing), absent(scene))
    maps = asking.similar(last, labels)
    own, wrong, gone = (bool(pointing_hit(one, truth)) for one in maps)
    hits = (own, wrong, gone)
    told = "; ".join(
        f"“{label}” {'on an object' if hit else 'on the ground'}, cosine {one.max():.2f}"
        for label, hit, one in zip(labels, hits, maps, strict=True)
    )
    answer = {(True, False, False): TRUE, (True, True, False): COLOUR, (True, True, True): ALL}.get(hits)
    return Finding(
        answer,
        f"Strongest patches: {told}. A patch picked at random is on an object in {(truth > HIT_THRESHOLD).mean():.0%} of draws. "
        "Every map has a strongest patch, true label or not; only the cosines, compared with one another, tell them apart.",
    )


def bright_word(now: Context) -> Finding:
    """What masking the word or sign that the class token reads most in layer 1, mean of the heads, does to the verdict."""
    if not now.of_text or not now.record.prediction.labels:
        return sentence.NO_TEXT
    found = sentence.masked(now)
    words = words_of(now.axis, now.record.text, keep_special=False)
    row = deciding.class_rows(now.record)[FIRST].mean(axis=0)
    shares = [float(row[list(one.tokens)].sum()) for one in words]
    best, costs = int(np.argmax(shares)), found.before[found.said] - found.probabilities[:, found.said]
    left, dearest = float(found.probabilities[best, found.said]), int(np.argmax(costs))
    return Finding(
        TURNS if found.turns(best) else LESS if costs[best] >= SURE else STAYS,
        f"In layer 1 the class token reads “{found.words[best]}” most ({shares[best]:.0%} of its row). With that masked, "
        f"{now.record.prediction.labels[found.said]} has {left:.0%} instead of {found.before[found.said]:.0%}. Most costs "
        f"“{found.words[dearest]}”: {found.probabilities[dearest, found.said]:.0%} are left, and layer 1 gives it {shares[dearest]:.0%}.",
    )
