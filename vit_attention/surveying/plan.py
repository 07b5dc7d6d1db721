"""What a survey measures of every picture, checked before anything is run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from visualizer.export.tables import spelled_out
from visualizer.measures.summary import STATISTICS
from visualizer.method import methods, of_any_picture
from vit_attention.gate import GateError, shown
from vit_attention.models.arguments import count
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import Asked, Model
from vit_attention.records import Similar

TRUTH = {
    "pointing": "Whether the patch that the head reads most of lies on the object: 1 or 0 (Zhang et al. 2016, arXiv:1608.00507).",
    "inside": "Share of the head's weight on patches that lies on the object.",
}
"""Measures of the query token's row, the class token's or the mean of all, that need to know where the object is."""
MEASURES = (*STATISTICS, *TRUTH)
SCORES = ("gini", "effective_share", "pointing", "inside", "iou")
"""Numbers of a method's map, the last three of those pictures whose object is known."""
DEFAULT = ("entropy", "distance", "special share")


@dataclass(frozen=True)
class Plan:
    """What is measured, and how it is run.

    Attributes:
        measures: some of `MEASURES`.
        methods: names of methods, of whose maps `SCORES` are kept.
        target: what methods ask about, as `attend` takes it; None takes the likeliest class.
        size: of the model's input in pixels; None takes its own.
        batch: pictures that go through the network together, where the memory of their maps allows.
    """

    measures: tuple[str, ...] = DEFAULT
    methods: tuple[str, ...] = ()
    target: str | int | Similar | None = None
    size: int | tuple[int, int] | None = None
    batch: int = 8

    @property
    def options(self) -> dict[str, Any]:
        """Of `attend`, beside what methods need."""
        return {} if self.size is None else {"size": self.size}

    def asked(self, model: Model) -> tuple[Asked, dict[str, Any]]:
        """What the model is asked for.

        Raises:
            GateError: a method that needs what the model does not give, or an option that it does not take.
        """
        for name in self.methods:
            try:
                model.asked(keep=methods()[name].needs, target=self.target, **self.options)
            except GateError as error:
                if error.file != "keep":
                    raise
                raise GateError("methods", f"methods that {model.card.name} can be asked for", name) from error
        keep = frozenset[Any]().union(*(methods()[name].needs for name in self.methods))
        return model.asked(keep=keep, target=self.target, **self.options)

    def together(self, model: Model, asked: Asked) -> int:
        """How many pictures go through the network at once: no more than the memory of a capture allows, at least one."""
        if not isinstance(model, EncoderModel):
            return 1
        tokens = len(model.axis(self.size)) if hasattr(model, "axis") else 1
        return max(1, min(self.batch, asked.budget // max(model._estimate(tokens, asked.during), 1)))


def plan(
    measures: Iterable[str] = DEFAULT,
    methods: Iterable[str] = (),
    target: str | int | Similar | None = None,
    size: int | tuple[int, int] | None = None,
    batch: int = 8,
) -> Plan:
    """The plan with names as they are spelled here; see `Plan`.

    Raises:
        GateError: a measure or method of no such name, none at all, or a batch that is no positive number.

    >>> plan(["special", "relative_entropy"]).measures
    ('special share', 'relative entropy')
    """
    given = (
        (measures.split(",") if isinstance(measures, str) else measures),
        (methods.split(",") if isinstance(methods, str) else methods),
    )
    found = tuple(dict.fromkeys(_measure(str(one).strip()) for one in given[0]))
    ways = tuple(dict.fromkeys(_method(str(one).strip()) for one in given[1]))
    if not (found or ways):
        raise GateError("measures", f"some of {', '.join(MEASURES)}, or a method", "none")
    return Plan(found, ways, target, size, count("batch", batch, 1) or 1)


def _measure(name: str) -> str:
    spelled = spelled_out(name)
    short = [one for one in MEASURES if one.split()[0] == spelled]
    if spelled not in MEASURES and not short:
        raise GateError("measures", f"one of {', '.join(MEASURES)}", shown(name))
    return spelled if spelled in MEASURES else short[0]


def _method(name: str) -> str:
    able = of_any_picture()
    if name in methods() and name not in able:
        raise GateError(
            "methods", f"one of {', '.join(able)}", f"{name}, which asks about a patch of one picture or about a text"
        )
    if name not in able:
        raise GateError("methods", f"one of {', '.join(able)}", shown(name))
    return name
