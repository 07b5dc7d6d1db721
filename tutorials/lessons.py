"""Reads a lesson (Markdown whose front matter lists its steps) and refuses one that lacks a part."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent / "lessons"
MOST_WORDS = 90
"""Words of the text of a step: it stands beside a figure, on one screen."""


class LessonError(ValueError):
    """A lesson file lacks a part or has one of the wrong kind."""


class About(NamedTuple):
    """What a question is about where that is not what the page looks at: a picture or page by its name, and the model that is given it."""

    picture: str
    model: str


@dataclass(frozen=True)
class Question:
    """A question answered from the live numbers.

    Attributes:
        question: what is asked.
        finding: name of the one that knows the answer.
        hint: what helps after a first miss.
        options: what can be chosen; () for a number.
        unit: of the number asked for, or "".
        tolerance: how far a number may be off and still count, in that unit.
        before: name of the view shown until the answer is given, where the step's own would give it away; or "".
        about: what it is about, where that is not what the page looks at.
        shows: what the figure is set to once the answer is known, so that it shows what was asked.
    """

    question: str
    finding: str
    hint: str
    options: tuple[str, ...] = ()
    unit: str = ""
    tolerance: float = 0.0
    before: str = ""
    about: About | None = None
    shows: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A sentence that is often said, what is done to test it, and the finding that gives the numbers."""

    text: str
    test: str
    finding: str


@dataclass(frozen=True)
class Misconception:
    """A sentence that many believe, by its short name, and what is so instead."""

    name: str
    wrong: str
    right: str


@dataclass(frozen=True)
class Twin:
    """The question that is asked before a lesson and, of another picture, after it; answered without knowing what was right.

    Attributes:
        misconception: what the tempting option takes for true.
        question: what is asked, in the same words both times.
        options: what can be chosen.
        finding: name of the one that knows the answer.
        view: name of the figure drawn beside it.
        before, after: what is looked at, by the page's own key of it: a picture, a document, a text or a model.
        set: what the view is set to, by the names of the address.
        shows: what else it is set to once both answers are graded, so that it shows what was asked.
    """

    misconception: Misconception
    question: str
    options: tuple[str, ...]
    finding: str
    view: str
    before: str
    after: str
    set: Mapping[str, Any]
    shows: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> Question:
        """The same as a question of a step."""
        return Question(self.question, self.finding, "", self.options)


@dataclass(frozen=True)
class Stage:
    """A part of a teacher's plan: its first and its last step, its minutes, what to ask, and what the class will say."""

    first: int
    last: int
    minutes: int
    ask: str
    expect: str


@dataclass(frozen=True)
class Step:
    """One step of a lesson: a paragraph beside a figure, and at most one thing to do.

    Attributes:
        title: over the paragraph.
        text: Markdown, at most `MOST_WORDS` words.
        view: name of the figure that the page draws.
        set: what the view is set to on entering, by the names of the address; it is set back on leaving.
        look: what to look at in the figure, or "".
        do, predict, check, claim: what the reader does: an action in words, a guess before the reveal, a question, a claim to
            test. At most one of them is there.
    """

    title: str
    text: str
    view: str
    set: Mapping[str, Any]
    look: str = ""
    do: str = ""
    predict: Question | None = None
    check: Question | None = None
    claim: Claim | None = None


@dataclass(frozen=True)
class Lesson:
    """One lesson, ready to be shown.

    Attributes:
        name: of the file, and of the page.
        title, minutes: as in the front matter.
        story: a failure that this lesson explains, told in two or three sentences.
        objectives: what the reader can do afterwards.
        picture: id of the picture that it begins with; "" where the page knows.
        other: id of a picture of the other kind, drawn or photographed, on which everything can be tried too; or "".
        difference: what is different there, and why.
        steps: in order.
        sections: heading to Markdown, for reading on; those for teachers begin with "For the teacher".
        glossary: term to explanation.
        references: papers.
        twin: the question before and after it.
        trap: what most get wrong, and what shows it; for teachers.
        plan: the steps with their minutes; for teachers.
    """

    name: str
    title: str
    minutes: int
    story: str
    objectives: tuple[str, ...]
    picture: str
    other: str
    difference: str
    steps: tuple[Step, ...]
    sections: Mapping[str, str]
    glossary: Mapping[str, str]
    references: tuple[str, ...]
    twin: Twin | None = None
    trap: str = ""
    plan: tuple[Stage, ...] = ()

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(step.claim for step in self.steps if step.claim)

    @property
    def questions(self) -> tuple[Question, ...]:
        return tuple(one for step in self.steps for one in (step.predict, step.check) if one)


def parse(text: str, name: str) -> Lesson:
    """The lesson in `text`.

    Raises:
        LessonError: a part is missing, empty, too long or of the wrong kind; names it.
    """
    pieces = text.split("---\n", 2)
    if len(pieces) != 3 or pieces[0].strip():
        raise LessonError(f"{name}: want front matter between two lines of ---")
    front = yaml.safe_load(pieces[1])
    try:
        lesson = _lesson(front, _sections(pieces[2]), name)
    except (KeyError, TypeError, ValueError) as error:
        raise LessonError(f"{name}: front matter lacks {error}") from error
    _require(lesson)
    return lesson


def _lesson(front: Any, sections: dict[str, str], name: str) -> Lesson:
    return Lesson(
        name=name,
        title=str(front["title"]),
        minutes=int(front["minutes"]),
        story=str(front["story"]).strip(),
        objectives=tuple(front["objectives"]),
        picture=str(front.get("picture", "")),
        other=str(front.get("other", "")),
        difference=str(front.get("difference", "")).strip(),
        steps=tuple(_step(one) for one in front["steps"]),
        sections=sections,
        glossary={term: glossary()[term] for term in front["glossary"]},
        references=tuple(front["references"]),
        twin=_twin(front["twin"]) if "twin" in front else None,
        trap=str(front.get("trap", "")).strip(),
        plan=tuple(_stage(one) for one in front.get("plan", ())),
    )


@lru_cache(maxsize=1)
def misconceptions() -> Mapping[str, Misconception]:
    """Every misconception that a lesson is about, by its name."""
    said = yaml.safe_load((FOLDER.parent / "words" / "misconceptions.yaml").read_text(encoding="utf-8"))
    return {name: Misconception(name, **one) for name, one in said.items()}


def _twin(said: Any) -> Twin:
    told = {"set": {}, **said, "options": tuple(str(one) for one in said["options"])}
    if told["misconception"] not in misconceptions():
        raise ValueError(f"misconception {told['misconception']!r} in words/misconceptions.yaml")
    texts = {key: str(told[key]).strip() for key in ("question", "before", "after")}
    return Twin(**{**told, **texts, "misconception": misconceptions()[told["misconception"]]})


def _stage(said: Any) -> Stage:
    first, last = said["steps"]
    return Stage(int(first), int(last), int(said["minutes"]), str(said["ask"]), str(said["expect"]))


@lru_cache(maxsize=1)
def glossary() -> Mapping[str, str]:
    """What every term of the lessons means, by the term."""
    return dict(yaml.safe_load((FOLDER.parent / "words" / "glossary.yaml").read_text(encoding="utf-8")))


def _step(said: Any) -> Step:
    told = dict(said)
    for kind in ("predict", "check"):
        if kind in told:
            told[kind] = _question(told[kind])
    if "claim" in told:
        told["claim"] = Claim(**told["claim"])
    return Step(**{"set": {}, **told, "text": str(told["text"]).strip()})


def _question(said: Any) -> Question:
    more = {"about": About(**said["about"])} if "about" in said else {}
    return Question(**{**said, **more, "options": tuple(str(one) for one in said.get("options", ()))})


def _sections(body: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in ("\n" + body).split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        found[heading.strip()] = text.strip()
    return found


def words(text: str) -> int:
    """How many words a text has; a formula counts as one.

    >>> words("Each head has weights $$A = QK$$ of its own.")
    8
    """
    return len(re.sub(r"\$\$.*?\$\$|\$.*?\$", "formula", text, flags=re.S).split())


def _require(lesson: Lesson) -> None:
    for part in ("story", "objectives", "steps", "glossary", "references"):
        if not getattr(lesson, part):
            raise LessonError(f"{lesson.name}: {part} missing or empty")
    for number, step in enumerate(lesson.steps, start=1):
        _require_step(f"{lesson.name}: step {number}", step)
    texts = [*lesson.glossary.items(), lesson.references, lesson.objectives]
    if not all(isinstance(text, str) for group in texts for text in group):
        raise LessonError(f"{lesson.name}: want plain texts; put a text that contains a colon in quotes")
    if bool(lesson.other) != bool(lesson.difference):
        raise LessonError(f"{lesson.name}: want both other and difference, or neither")
    if lesson.twin:
        _require_twin(f"{lesson.name}: twin", lesson.twin)
    if lesson.plan:
        _require_plan(f"{lesson.name}: plan", lesson)


def _require_twin(where: str, twin: Twin) -> None:
    for part in ("question", "before", "after"):
        if not getattr(twin, part):
            raise LessonError(f"{where}: {part} missing or empty")
    if len(set(twin.options)) < max(2, len(twin.options)):
        raise LessonError(f"{where}: want at least two options, all different")
    if twin.before == twin.after:
        raise LessonError(f"{where}: want after to be another picture than before, got {twin.before} twice")


def _require_plan(where: str, lesson: Lesson) -> None:
    steps = [step for stage in lesson.plan for step in range(stage.first, stage.last + 1)]
    if steps != list(range(1, len(lesson.steps) + 1)):
        raise LessonError(f"{where}: want every step from 1 to {len(lesson.steps)} once, in order, got {steps}")
    if (total := sum(stage.minutes for stage in lesson.plan)) != lesson.minutes:
        raise LessonError(f"{where}: want minutes that sum to {lesson.minutes}, got {total}")


def _require_step(where: str, step: Step) -> None:
    if (count := words(step.text)) > MOST_WORDS or not count:
        raise LessonError(f"{where}: want a text of 1 to {MOST_WORDS} words, got {count}")
    if sum(bool(one) for one in (step.do, step.predict, step.check, step.claim)) > 1:
        raise LessonError(f"{where}: want at most one of do, predict, check and claim")
    if step.predict and len(step.predict.options) < 2:
        raise LessonError(f"{where}: a prediction needs at least two options")
    if step.check and len(step.check.options) == 1:
        raise LessonError(f"{where}: a choice needs at least two options")


@lru_cache(maxsize=1)
def lessons() -> dict[str, Lesson]:
    """Every lesson by name."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
    return {name: parse(text, name) for name, text in texts.items() if "\nsteps:" in text}
