"""One shard of a survey: pictures in, numbers out. Both engines call it, and nothing of it outlives the call."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import islice

from vit_attention.gate.refusal import one_line
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import BudgetError, Model
from vit_attention.surveying.items import Item
from vit_attention.surveying.measuring import PlanError, Ready, Rows, measured, prepared
from vit_attention.surveying.plan import Plan

FAILURES = (ValueError, OSError)
"""What one picture may fail with; the others go on."""


@dataclass(eq=False)
class Shard:
    """What was found of the pictures of a shard.

    Attributes:
        rows: in the order of the pictures.
        failed: name and reason of every picture that was left out.
    """

    rows: list[Rows] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def pictures(self) -> int:
        """How many were measured."""
        return sum(len(one.names) for one in self.rows)


def survey_shard(
    model: Model, items: Iterable[Item], plan: Plan, pool: Executor, tick: Callable[[int], object] = lambda _: None
) -> Shard:
    """The numbers of some pictures.

    Args:
        model: with the network.
        items: the pictures, gone through once.
        plan: what is measured.
        pool: threads that open pictures and measure layers, as many as the network itself takes.
        tick: hears how many pictures were gone through.

    Raises:
        PlanError: what holds for every picture.
        BudgetError: a single picture takes too much memory.
    """
    asked, _ = plan.asked(model)
    found = Shard()

    def measure(ready: list[Ready]) -> None:
        try:
            found.rows.append(measured(model, ready, plan, asked, pool.map))
        except (PlanError, BudgetError):
            raise
        except FAILURES as error:
            if len(ready) == 1:
                found.failed.append((ready[0].name, one_line(error)))
            else:  # one of them spoils the batch
                for one in ready:
                    measure([one])

    for chunk in _ahead(model, _readable(items, found), plan, pool, plan.together(model, asked)):
        waiting: list[Ready] = []
        for name, future in chunk:
            try:
                ready = future.result()
            except FAILURES as error:
                found.failed.append((name, one_line(error)))
                continue
            if waiting and not (isinstance(model, EncoderModel) and model.alike(waiting[0].given, ready.given)):
                measure(waiting)
                waiting = []
            waiting.append(ready)
        if waiting:
            measure(waiting)
        tick(len(chunk))
    return found


def _readable(items: Iterable[Item], found: Shard) -> Iterator[Item]:
    """The pictures up to the place where the file that holds them cannot be read on, which is told as one that failed."""
    try:
        yield from items
    except FAILURES as error:
        found.failed.append((getattr(error, "file", "") or "shard", one_line(error)))


def _ahead(
    model: Model, items: Iterable[Item], plan: Plan, pool: Executor, count: int
) -> Iterator[list[tuple[str, Future[Ready]]]]:
    """Batches of pictures, of which the next is opened while one is measured."""
    left = iter(items)

    def begun() -> list[tuple[str, Future[Ready]]]:
        return [(one.name, pool.submit(prepared, model, one, plan.options)) for one in islice(left, count)]

    now = begun()
    while now:
        following = begun()
        yield now
        now = following
