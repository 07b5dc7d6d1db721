"""Made-up answers of a class whose effect is known: what the analysis is tried on before there is a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from tutorials.study.answers import Answer, written
from vit_attention.gate import GateError

START = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
"""When every simulated class begins; only the order of the answers matters."""


@dataclass(frozen=True)
class Effect:
    """What happens to the answers to one question.

    Attributes:
        question: the finding; its first part is the lesson.
        misconception: what the question is about.
        before: share of students that are right before, 0 to 1.
        learn: share of those wrong before that are right after, 0 to 1.
        forget: share of those right before that are wrong after, 0 to 1.
    """

    question: str
    misconception: str
    before: float
    learn: float
    forget: float

    @property
    def gain(self) -> float:
        """Share right after minus share right before, -1 to 1."""
        return (1 - self.before) * self.learn - self.before * self.forget


EXAMPLE = (
    Effect("rollout.simulated", "rollout knows the class", 0.2, 0.6, 0.1),
    Effect("heads.simulated", "one head, one concept", 0.3, 0.3, 0.1),
    Effect("layers.simulated", "the last layer is the explanation", 0.5, 0.1, 0.1),
    Effect("sanity.simulated", "a sharper map is a truer map", 0.4, 0.4, 0.1),
)
"""Effects that nobody measured, one of them none at all; the questions are no questions of the lessons."""


def files(students: int, seed: int, effects: Sequence[Effect] = EXAMPLE, *, missing: float = 0.05) -> dict[str, bytes]:
    """The tables of a class, seat by seat, as the app writes them.

    Args:
        students: 1 to 500.
        seed: the same gives the same answers.
        effects: one for each question.
        missing: share of the answers after that were never given, 0 to 1.

    Raises:
        GateError: another number of students.
    """
    if not 1 <= students <= 500:
        raise GateError("students", "1 to 500", f"{students}")
    draws = np.random.default_rng(seed)
    made = {}
    for seat in range(1, students + 1):
        rows: list[Answer] = []
        for at, effect in enumerate(effects):
            rows += _two(effect, seat, START + timedelta(minutes=20 * at, seconds=seat), draws, missing)
        made[f"seat-{seat}.csv"] = written(rows).encode()
    return made


def _two(effect: Effect, seat: int, begin: datetime, draws: np.random.Generator, missing: float) -> list[Answer]:
    known = draws.random() < effect.before
    later = draws.random() >= effect.forget if known else draws.random() < effect.learn
    rows = [_row(effect, seat, begin, "before", known)]
    return (
        rows if draws.random() < missing else [*rows, _row(effect, seat, begin + timedelta(minutes=15), "after", later)]
    )


def _row(effect: Effect, seat: int, when: datetime, kind: str, right: bool) -> Answer:
    given = dict.fromkeys(Answer.model_fields, "") | {
        "time": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "student": str(seat),
        "lesson": effect.question.partition(".")[0],
        "step": "0" if kind == "before" else "9",
        "kind": kind,
        "question": effect.question,
        "misconception": effect.misconception,
        "model": "simulated",
        "picture": "simulated",
        "answer": "the right one" if right else "the wrong one",
        "right": str(int(right)),
        "solution": "the right one",
        "why": f"Simulated reason of seat {seat}." if kind == "after" and seat % 3 == 0 else "",
    }
    return Answer(**given)  # type: ignore[arg-type]
