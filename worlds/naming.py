"""Pictures and reviews by name: scene-7, scene-7-2-50, receipt-3-3, invented-3-3, form-1, coffee, sentence-7. Parsed only here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from worlds import receipts, scenes, sentences
from worlds.photographs import NAMES, Photograph, photographs

_NAME = re.compile(
    r"scene-(?P<scene>\d{1,9})(?:-(?P<objects>[12])-(?P<difficulty>\d{1,2}|100))?"
    r"|(?P<kind>receipt|invented)-(?P<receipt>\d{1,9})-(?P<lines>[1-5])"
    r"|(?P<plain>form|sentence)-(?P<number>\d{1,9})",
    re.ASCII,
)


@dataclass(frozen=True)
class Name:
    """The name of a drawn picture, of a sample photograph or of a review.

    Attributes:
        kind: "scene", "receipt", "invented" (a receipt in words that do not exist), "form", "photograph" or "sentence", a review in words.
        seed: number of the drawing; 0 for photographs.
        objects: of a scene, 1 or 2; None lets the seed decide.
        difficulty: of a scene, 0 to 100 %.
        lines: articles of a receipt.
        photograph: the photograph, if it names one.
    """

    kind: str
    seed: int
    objects: int | None = None
    difficulty: int = 50
    lines: int | None = None
    photograph: Photograph | None = None

    @property
    def title(self) -> str:
        """The name in words, for people.

        >>> Name("scene", 7, 2, 30).title, Name("invented", 3, lines=3).title
        ('Scene 7, 2 objects, difficulty 30 %', 'Receipt 3, articles: 3, in words that do not exist')
        """
        if self.photograph is not None:
            return self.photograph.title
        if self.kind == "scene":
            number = f"{self.objects} object{'s' if self.objects == 2 else ''}"
            return f"Scene {self.seed}" + (f", {number}, difficulty {self.difficulty} %" if self.objects else "")
        if self.kind in ("form", "sentence"):
            return f"{self.kind.capitalize()} {self.seed}"
        return f"Receipt {self.seed}, articles: {self.lines}" + ", in words that do not exist" * (
            self.kind == "invented"
        )

    def draw(self) -> scenes.Scene | receipts.Document | Photograph | sentences.Sentence:
        """The picture or review and its truth, the same on every machine."""
        if self.photograph is not None:
            return self.photograph
        if self.kind == "scene":
            return scenes.scene(self.seed, self.difficulty / 100, self.objects)
        if self.kind == "form":
            return receipts.form(self.seed)
        if self.kind == "sentence":
            return sentences.sentence(self.seed)
        return receipts.receipt(self.seed, self.lines, invented=self.kind == "invented")


def parse(text: str) -> Name | None:
    """What a name stands for; None if it names neither a drawn picture, a photograph on this machine nor a review.

    >>> parse("scene-7-2-50")
    Name(kind='scene', seed=7, objects=2, difficulty=50, lines=None, photograph=None)
    >>> parse("coffee").title, parse("cat.jpg") is None, parse("sentence-7").draw().label
    ('Coffee', True, 'positive')
    """
    found = _NAME.fullmatch(text)
    if found is None:
        known = photographs().get(text) if text in NAMES else None
        return None if known is None else Name("photograph", 0, photograph=known)
    if found["scene"]:
        objects = int(found["objects"]) if found["objects"] else None
        return Name("scene", int(found["scene"]), objects, int(found["difficulty"] or 50))
    if found["plain"]:
        return Name(found["plain"], int(found["number"]))
    return Name(found["kind"], int(found["receipt"]), lines=int(found["lines"]))


_RANGE = re.compile(r"(?P<kind>[a-z]+-)(?P<first>\d{1,9})\.\.(?P<last>\d{1,9})(?P<more>(?:-\d{1,3}){0,2})", re.ASCII)


@dataclass(frozen=True)
class Names(Sequence[str]):
    """Names of drawn pictures whose seeds are successive numbers; none is drawn, and none is kept.

    Attributes:
        kind, more: what stands before the seed and behind it.
        seeds: of the drawings.
    """

    kind: str
    seeds: range
    more: str = ""

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, at: Any) -> Any:
        return (
            replace(self, seeds=self.seeds[at]) if isinstance(at, slice) else f"{self.kind}{self.seeds[at]}{self.more}"
        )


def parse_range(text: str) -> Names | None:
    """The names that a range such as scene-1..5000 or receipt-1..9-3 stands for; None if it is no such range.

    >>> (
    ...     parse_range("scene-1..5000")[-1],
    ...     len(parse_range("receipt-3..4-2")),
    ...     parse_range("scene-7"),
    ...     parse_range("scene-3..1"),
    ... )
    ('scene-5000', 2, None, None)
    """
    found = _RANGE.fullmatch(text)
    if found is None or int(found["last"]) < int(found["first"]):
        return None
    names = Names(found["kind"], range(int(found["first"]), int(found["last"]) + 1), found["more"])
    return None if parse(names[0]) is None else names


def scene_name(seed: int, objects: int | None = None, difficulty: float = 0.5) -> str:
    """The name of a scene; the short form stands for one or two objects at the difficulty models were trained on.

    >>> scene_name(7), scene_name(7, 2, 0.3)
    ('scene-7', 'scene-7-2-30')
    """
    return f"scene-{seed}" if objects is None else f"scene-{seed}-{objects}-{round(difficulty * 100)}"
