"""Clauses of reviews: who judges what by which word, what turns the word round, and what else is said.

In a clause "*" stands before the polar word and "~" before each word of its negator.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from worlds.sentence_words import (
    ASIDES,
    GROUPS,
    HOPED,
    LIKE,
    LIKED,
    LOVED,
    MILD_NOUNS,
    NEUTRAL,
    NOUNS,
    PEOPLE,
    Group,
)

FRAMES = {
    "plain": "{Y}",
    "but": "{X}, but {Y}",
    "yet": "{X}, yet {Y}",
    "although": "although {X}, {Y}",
    "although last": "{Y}, although {X}",
    "even though": "even though {X}, {Y}",
    "even though last": "{Y}, even though {X}",
    "while": "while {X}, {Y}",
    "however": "{X}. However, {Y}",
    "still": "{X}; still, {Y}",
    "despite": "despite {X}, {Y}",
    "despite last": "{Y}, despite {X}",
    "though": "{X}. {Y}, though",
}
"""How a deciding clause Y is joined to what it concedes, X."""

NEGATIONS = {
    "none": "",
    "not": "~not",
    "never": "~never",
    "hardly": "~hardly",
    "anything but": "~anything ~but",
    "far from": "~far ~from",
    "by no means": "~by ~no ~means",
}
"""What turns a polar word round, and its words."""

DISTRACTORS = {
    "none": (),
    "said before": ("before", "{who} called {the thing} {adj}", "{who} {loved} {the thing}"),
    "said after": ("after", "{who} said that {the thing} {was} {adj}", "{who} {loved} {the thing}"),
    "said inside": ("inside", "which {who} called {adj}"),
    "expected before": (
        "before",
        "I had expected {the thing} to be {adj}",
        "we had thought that {the thing} would be {adj}",
        "we had {hoped} that {the thing} would be {adj}",
    ),
    "earlier before": (
        "before",
        "last year, {the thing} {was} {adj}",
        "on our first visit, {the thing} {was} {adj}",
        "{the thing} used to be {adj}",
    ),
    "earlier after": (
        "after",
        "under the old owner, {the thing} {was} {adj}",
        "two years ago, {the thing} {was} {adj}",
        "{the thing} used to be {adj}",
    ),
    "elsewhere before": ("before", "at the hotel next door, {the thing} {was} {adj}"),
    "elsewhere after": ("after", "in the place across the street, {the thing} {was} {adj}"),
    "filler before": ("before", "{neutral}"),
    "filler after": ("after", "{neutral}"),
}
"""What else is said: where ("before", "after" or "inside" the verdict), and in which words."""

_BEFORE_VERBS = ("never", "hardly")
"""Negations that stand before any verb; "not" needs "did", the others stand behind the verb."""
_FOR_STRONG = ("none", "hardly", "anything but", "far from", "by no means")
"""Negations that strong words bear: "not awful" praises nothing, "anything but awful" does."""
_T = TypeVar("_T")


@dataclass
class Draw:
    """Chance and what it has taken already: nothing is judged twice in a review.

    Attributes:
        rng: where chance comes from.
        taken: groups that were judged, by their first noun.
    """

    rng: np.random.Generator
    taken: set[str] = field(default_factory=set)

    def one(self, options: Sequence[_T]) -> _T:
        """Any of the options."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return bool(self.rng.random() < share)

    def thing(self) -> tuple[Group, str, str]:
        """A group, a noun of it if none was judged yet, and "was" or "were"."""
        while True:
            group = self.one(GROUPS)
            noun = self.one((*group.one, *group.many))
            # By group: "the room was clean, although the rooms were dirty" contradicts itself.
            if group.one[0] not in self.taken:
                self.taken.add(group.one[0])
                return group, noun, "were" if noun in group.many else "was"


def adjective(draw: Draw, group: Group, positive: bool, strong: bool = True) -> str:
    """A word that praises or blames something of the group."""
    return draw.one((*group.mild, *group.strong) if strong else group.mild)[0 if positive else 1]


def judgement(draw: Draw, negation: str, positive: bool, inside: str = "") -> str:
    """A marked clause that praises (or blames) something, its polar word turned round by a negation.

    Args:
        draw: chance.
        negation: a key of `NEGATIONS`; with one, the polar word itself says the opposite.
        positive: whether the clause praises.
        inside: what a relative clause behind the subject says, with "{adj}"; "" for none.
    """
    group, noun, was = draw.thing()
    which = 0 if positive == (negation == "none") else 1
    strong = negation in _FOR_STRONG
    polar = adjective(draw, group, which == 0, strong)
    subject, no = f"the {noun}" + _relative(draw, group, inside), NEGATIONS[negation]
    forms = ["is", "is", "called"] + ["seems"] * (polar not in ("tasty", "bland"))  # nothing "tastes tasty"
    if not inside:
        forms += ["found"] + ["liked"] * (negation in ("none", "not", *_BEFORE_VERBS))
    form, who = draw.one(forms), draw.one(("we", "I"))
    if form == "called":
        return _words(subject, was, no, "a", "*" + draw.one(NOUNS if strong else MILD_NOUNS)[which])
    if form == "seems":
        return _words(subject, _verb(negation, *group.seems), "*" + polar)
    if form == "found":
        return _words(who, _verb(negation, "found", "find", f"the {noun}"), "*" + polar)
    if form == "liked":
        liked = draw.one((LIKED, LOVED)) if negation == "none" else LIKED
        return _words(who, _verb(negation, "*" + liked[which], "*" + LIKE[which]), f"the {noun}")
    return _words(subject, was, no, "*" + polar)


def _verb(negation: str, past: str, base: str, between: str = "") -> str:
    """The verb with its negation, and what stands between it and the polar word."""
    no = NEGATIONS[negation]
    if negation == "not":
        return _words("did", no, base, between)
    return _words(no, past, between) if negation in _BEFORE_VERBS else _words(past, between, no)


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _relative(draw: Draw, group: Group, inside: str) -> str:
    if not inside:
        return ""
    said = inside.format(adj=adjective(draw, group, draw.chance(0.5)))
    return f", {said.replace('which', 'whom') if group.people else said},"


def conceded(draw: Draw, frame: str, positive: bool) -> str:
    """What a frame concedes, unmarked: a judgement of the other kind, or now and then nothing of concern."""
    if frame.startswith("despite"):
        group, noun, _ = draw.thing()
        return f"the {adjective(draw, group, positive)} {noun}"
    if draw.chance(0.2):
        return draw.one(ASIDES)
    negation = draw.one(list(NEGATIONS)) if draw.chance(0.3) else "none"
    return re.sub(r"[*~]", "", judgement(draw, negation, positive))


def distraction(draw: Draw, name: str, place: str) -> str:
    """What a distractor says at a place of the review ("before", "inside", "after"); "" if it says nothing there."""
    if not DISTRACTORS[name] or DISTRACTORS[name][0] != place:
        return ""
    form, positive = draw.one(DISTRACTORS[name][1:]), draw.chance(0.5)
    which = 0 if positive else 1
    if place == "inside":
        return form.format(who=draw.one(PEOPLE), adj="{adj}")
    group, noun, was = draw.thing()
    return form.format_map(
        {
            "who": draw.one(PEOPLE),
            "loved": draw.one((LOVED, LIKED))[which],
            "hoped": HOPED[which],
            "neutral": draw.one(NEUTRAL),
            "the thing": f"the {noun}",
            "was": was,
            "adj": adjective(draw, group, positive),
        }
    )
