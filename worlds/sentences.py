"""Reviews in one or a few sentences whose verdict, and the words that decide it, are known by construction.

A clause decides if it is the main one: "Y" in "X, but Y", "although X, Y" and "Y, although X". Whatever is conceded, and
what others said, what was expected, how it used to be and how it is elsewhere decides nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from worlds.sentence_clauses import DISTRACTORS, FRAMES, NEGATIONS, Draw, conceded, distraction, judgement
from worlds.sentence_words import ANTONYMS

Split = Literal["train", "held-out"]
Label = Literal["positive", "negative"]

_WORD = re.compile(r"\w+")
_MARK = re.compile(r"[*~]")


@dataclass(frozen=True)
class Template:
    """How a review is put together.

    Attributes:
        frame: how the deciding clause is joined to what it concedes, a key of `FRAMES`.
        negation: what turns the deciding word round, a key of `NEGATIONS`.
        distractor: what else is said, a key of `DISTRACTORS`.
    """

    frame: str
    negation: str
    distractor: str

    @property
    def name(self) -> str:
        """The three parts, as in "but/never/said before"."""
        return f"{self.frame}/{self.negation}/{self.distractor}"

    @property
    def split(self) -> Split:
        """Whether training may see it. Every part is trained on; some joins of a frame and a negation never are."""
        f, n = list(FRAMES).index(self.frame), list(NEGATIONS).index(self.negation)
        d = list(DISTRACTORS).index(self.distractor)
        return "held-out" if (f + n) % 7 == 3 or (f + n + d) % 5 == 4 else "train"


TEMPLATES = tuple(Template(*parts) for parts in product(FRAMES, NEGATIONS, DISTRACTORS))
"""Every template."""


@dataclass(frozen=True)
class Sentence:
    """A review and its truth.

    Attributes:
        text: the review as it is written.
        label: its verdict.
        words: its words in order, as they are written, without punctuation.
        decisive: indices in `words` of the polar word that decides and of its negator, if it has one.
        template: how it is put together.
    """

    text: str
    label: Label
    words: tuple[str, ...]
    decisive: tuple[int, ...]
    template: Template

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Where each word stands in the text: (start, end) in characters, end exclusive."""
        return tuple(found.span() for found in _WORD.finditer(self.text))

    @property
    def polar(self) -> tuple[int, ...]:
        """Indices of all words that praise or blame, whether they decide or not."""
        return tuple(i for i, word in enumerate(self.words) if word.lower() in ANTONYMS)

    @property
    def kinds(self) -> frozenset[str]:
        """What makes it hard: any of "negation", "contrast" and "distractor" (polar words of no concern)."""
        parts = {
            "negation": self.template.negation != "none",
            "contrast": self.template.frame != "plain",
            "distractor": "filler" not in self.template.distractor and self.template.distractor != "none",
        }
        return frozenset(kind for kind, there in parts.items() if there)

    def swapped(self, index: int) -> "Sentence":
        """The same review with the polar word at `index` replaced by its antonym; the label turns if that word decides.

        Args:
            index: of a word in `words`.

        Raises:
            KeyError: if that word is not polar.

        >>> made = sentence(7)
        >>> [(made.swapped(i).label != made.label) == (i in made.decisive) for i in made.polar]
        [True, True]
        """
        other = ANTONYMS[self.words[index].lower()]
        start, end = self.spans[index]
        other = other.upper() if self.text[start:end].isupper() else other
        text = self.text[:start] + other + self.text[end:]
        return replace(
            self,
            text=text,
            words=(*self.words[:index], other, *self.words[index + 1 :]),
            label=_turned(self.label) if index in self.decisive else self.label,
        )

    def affirmed(self) -> "Sentence":
        """The same review without the negator of its deciding word, which turns the label; itself if there is none."""
        negator = [i for i in self.decisive if i not in self.polar]
        if not negator:
            return self
        start, end = self.spans[negator[0]][0], self.spans[negator[-1]][1] + 1
        words = tuple(word for i, word in enumerate(self.words) if i not in negator)
        (polar,) = set(self.decisive) - set(negator)
        return replace(
            self,
            text=self.text[:start] + self.text[end:],
            words=words,
            label=_turned(self.label),
            decisive=(polar - len(negator) * (polar > negator[0]),),
            template=replace(self.template, negation="none"),
        )


def _turned(label: Label) -> Label:
    return "negative" if label == "positive" else "positive"


def sentence(seed: int, split: Split | None = None) -> Sentence:
    """The review of a seed, the same on every machine.

    Args:
        seed: number of the review.
        split: only templates that training sees ("train") or never sees ("held-out"); None takes all.

    >>> made = sentence(7)
    >>> made.text, made.label
    ('We sat by the window. We found the owner anything but dreadful, despite the messy tables.', 'positive')
    >>> [made.words[i] for i in made.decisive], made.template.name
    (['anything', 'but', 'dreadful'], 'despite last/anything but/filler before')
    """
    draw = Draw(np.random.default_rng(seed))
    template = _template(draw, split)
    positive = draw.chance(0.5)
    main = judgement(draw, template.negation, positive, distraction(draw, template.distractor, "inside"))
    judged = FRAMES[template.frame].format(Y=main, X=conceded(draw, template.frame, not positive))
    parts = (
        distraction(draw, template.distractor, "before"),
        judged,
        distraction(draw, template.distractor, "after"),
    )
    text = _styled(draw, [one for part in parts if part for one in part.split(". ")])
    return _read(text, "positive" if positive else "negative", template)


def sentences(count: int, seed: int = 0, split: Split | None = None) -> Iterator[Sentence]:
    """`count` reviews of seeds `seed`, `seed + 1`, ..., one at a time; see `sentence`."""
    for offset in range(count):
        yield sentence(seed + offset, split)


def _template(draw: Draw, split: Split | None) -> Template:
    """A template of the split: parts drawn on their own until they fit, simple ones more often."""
    while True:
        negation = "none" if draw.chance(0.5) else draw.one(list(NEGATIONS))
        frame = "plain" if draw.chance(0.2) else draw.one(list(FRAMES))
        found = Template(frame, negation, draw.one(list(DISTRACTORS)))
        if split in (None, found.split):
            return found


def _styled(draw: Draw, parts: list[str]) -> str:
    """The sentences with capitals and full stops, as careful and hasty people write them."""
    text = ". ".join(part[:1].upper() + part[1:] for part in parts) + draw.one((".", ".", ".", "!", ""))
    if draw.chance(0.1):
        return text.lower()
    polar = [found.span() for found in _WORD.finditer(text) if found[0] in ANTONYMS]
    start, end = draw.one(polar) if draw.chance(0.1) else (0, 0)
    return text[:start] + text[start:end].upper() + text[end:]


def _read(marked: str, label: Label, template: Template) -> Sentence:
    """A review from its text, in which "*" stands before the polar word that decides and "~" before its negator."""
    decisive = tuple(i for i, word in enumerate(re.findall(r"[*~]?\w+", marked)) if word[0] in "*~")
    text = _MARK.sub("", marked)
    return Sentence(text, label, tuple(_WORD.findall(text)), decisive, template)
