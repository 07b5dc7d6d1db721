"""How every method fares on every bundled model: what ``python -m benchmarks.methods`` measured, for the page and the docs."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("leaderboard.json")

METHOD, CONTROL = "method", "control"


@dataclass(frozen=True)
class Estimate:
    """A mean over cases with its interval of 95 %.

    Attributes:
        value, low, high: in the unit of what is measured.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """One method, or one control that knows nothing, on one model.

    Attributes:
        model, name: of the model and the method, or what the control is called.
        kind: "method" or "control".
        cases: how many inputs and questions.
        hit: share of maps whose strongest place is on the thing that is asked about (pointing game), 0 to 1, with Wilson's interval.
        other: the same for another thing of the picture; None where there is none.
        inside: share of the map's positive weight on the thing, 0 to 1.
        iou: intersection over union of the thing and as many of the strongest places, 0 to 1.
        deletion, insertion: area under the curve of the score, a probability or a similarity; None where no score is taken.
        untrained: `hit` of the same method on the network before its training; None for controls.
        passes: inputs that go through the network for one map; None where that was not counted.
        ms: median milliseconds of one map, on the machine and at the load of the measurement.
    """

    model: str
    name: str
    kind: str
    cases: int
    hit: Estimate
    other: float | None
    inside: Estimate
    iou: Estimate
    deletion: Estimate | None
    insertion: Estimate | None
    untrained: float | None
    passes: int | None
    ms: float | None

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Standing":
        """What the file holds of it."""
        named = ("hit", "inside", "iou", "deletion", "insertion")
        made: dict[str, Any] = {k: Estimate(*v) if k in named and v is not None else v for k, v in plain.items()}
        return cls(**made)


@dataclass(frozen=True)
class Board:
    """All of one model.

    Attributes:
        model: its name.
        weights: hash of the weights that were measured.
        about: what was asked, in a sentence.
        score: what deletion and insertion measure, with its unit; "" where no score is taken.
        rows: the methods and the controls.
    """

    model: str
    weights: str
    about: str
    score: str
    rows: tuple[Standing, ...]


@lru_cache(maxsize=1)
def boards() -> dict[str, Board]:
    """Every measured model, by its name.

    >>> "scene-vit" in boards()
    True
    """
    stored: dict[str, Any] = json.loads(_FILE.read_text())
    return {
        name: Board(name, one["weights"], one["about"], one["score"], tuple(map(Standing.of, one["rows"])))
        for name, one in stored.items()
    }
