"""The axes of every map of any network: its tokens proved to be patches, named where they are none, or refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from vit_attention.capture import Request, Seen
from vit_attention.inputs.prepared import uncovered
from vit_attention.models.model import as_map
from vit_attention.models.tokens import Asked, Experiment, Layout, Partial
from vit_attention.records import AttentionMap, Axis
from vit_attention.records.geometry import Geometry

SAY = "Say how they lie with grid=(rows, columns) and prefix=number of special tokens"
KEPT = (
    "Later layers are taken to have their tokens in the order of the first of their series, in which it was found out."
)


@dataclass(frozen=True, eq=False)
class Tokens:
    """What a sequence of tokens is, and where each stands in the network; `order` is None where that is the record's own."""

    axis: Axis
    order: tuple[int, ...] | None = None


class TokenAxes:
    """Finds axes map by map; blocks of one series (``blocks.0``, ``blocks.1``) carry the tokens of the first.

    Args:
        experiment: the network and its input.
        grid, prefix: what the caller says, or None; checked against what is found.
        error: what is raised.
    """

    def __init__(
        self,
        experiment: Experiment,
        grid: tuple[int, int] | None,
        prefix: int | None,
        error: Callable[[str], Exception],
    ) -> None:
        self.experiment, self.grid, self.prefix, self.error = experiment, grid, prefix, error
        self.notes: list[str] = []
        self._known: dict[tuple[str, str, int], Tokens] = {}
        self._cells: set[tuple[tuple[int, int], tuple[int, int] | None]] = set()
        self._first: Asked | None = None

    def map(self, one: Seen, number: int) -> AttentionMap:
        """What was seen of one block, with its axes.

        Raises:
            Exception: of the kind `error`; what the tokens are can't be found out, or is not what the caller said.
        """
        if len(one.weights) != 1:
            raise self.error(
                f"{one.name} attends inside {len(one.weights)} groups of tokens (windows, rows) of one picture, and a map of "
                "the whole picture would be made up: take the groups from `with vit_attention.capture(module) as seen:`; "
                'encoders of Donut are read whole by vit_attention.load("hf:FOLDER").windows'
            )
        queries, keys = (int(n) for n in one.weights.shape[-2:])
        key = self._tokens(Asked(one.name, one.layer, "value", keys))
        same = queries == keys and one.kind != "cross"
        query = key if same else self._tokens(Asked(one.name, one.layer, "query", queries))
        weights = one.weights
        for order, dim in ((query.order, 2), (key.order, 3)):
            if order is not None:
                weights = weights.index_select(dim, torch.tensor(order, device=weights.device))
        return as_map(replace(one, weights=weights), number, one.kind, query.axis, key.axis, Request())

    def laid(self, geometry: Geometry) -> tuple[Geometry, list[str]]:
        """The geometry of what the patches cover, and what there is to say about it."""
        (width, height), notes = geometry.seen, []
        if any(cell is None for _, cell in self._cells):
            notes.append(
                "Patches come from a feature map whose cells see more of the picture than their share of it; the map is laid "
                "evenly over the whole input."
            )
        covered = {(grid[1] * cell[1], grid[0] * cell[0]) for grid, cell in self._cells if cell is not None}
        if len(self._cells) != 1 or not covered or covered == {(width, height)}:
            return geometry, notes
        ((across, down),) = covered
        return geometry.crop(0, 0, across, down), [*notes, uncovered((width, height), (across, down))]

    def _tokens(self, who: Asked) -> Tokens:
        series = re.sub(r"\d+", "#", who.name), who.part, who.count
        if series in self._known:
            self._note(KEPT)
        else:
            self._known[series] = self._found(who)
            self._first = self._first or who
        return self._known[series]

    def _found(self, who: Asked) -> Tokens:
        # Behind an attention every token depends on every patch; their number and order are still the sequence's.
        before = [one for (_, _, count), one in self._known.items() if count == who.count and one.order is None]
        layout = self.experiment.layout(who, bool(before))
        if isinstance(layout, Partial):
            raise self.error(
                f"{who.name} attends to {who.count} tokens, and {layout.kept} of the picture's {layout.cells} patches alone are "
                "among them (masked out, pruned or merged): they make no whole picture. Keep all patches, as mask_ratio=0 does "
                "in a masked autoencoder"
            )
        if layout is not None:
            return self._named(who, layout)
        if before:
            self._note(KEPT)
            return next((one for one in reversed(before) if one.axis.kind == "patches"), before[-1])
        return self._as_said(who)

    def _named(self, who: Asked, layout: Layout) -> Tokens:
        if not layout.patches:
            names = ["learned query"] if who.count == 1 else [f"object query {n + 1}" for n in range(who.count)]
            return Tokens(Axis.text(names))
        self._check(who, layout)
        self._cells.add((layout.grid, layout.cell))
        count, lead = len(layout.special), layout.lead
        names = ["class"] if count == 1 else [f"special {n + 1}" for n in range(count)]
        if count == 1:
            self._note(f"Token {layout.special[0]} is taken as the class token: it alone is made of no single patch.")
        elif count:
            self._note(
                f"{count} tokens are made of no single patch, {lead} of them before the patches; what they are is not known, "
                f"and they are named special 1 to special {count} in their order."
            )
        plain = layout.order == list(range(who.count))
        if not plain:
            self._note(
                "The network has its tokens in another order; here special tokens stand first, then the patches in reading order."
            )
        return Tokens(Axis.patches(*layout.grid, names), None if plain else tuple(layout.order))

    def _check(self, who: Asked, layout: Layout) -> None:
        """Refuse what the caller said if the network shows otherwise."""
        for name, said, found in (("grid", self.grid, layout.grid), ("prefix", self.prefix, len(layout.special))):
            if said is not None and said != found:
                raise self.error(
                    f"token count does not fit the grid: the {who.count} tokens of {who.name} are {layout.grid[0]} x "
                    f"{layout.grid[1]} patches and {len(layout.special)} special tokens, not "
                    f"{f'{said[0]} x {said[1]} patches' if isinstance(said, tuple) else f'{said} special tokens'}: leave {name}= out"
                )

    def _as_said(self, who: Asked) -> Tokens:
        if self.grid is None:
            raise self.error(self._unknown(who))
        lead = who.count - self.grid[0] * self.grid[1]
        if lead < 0 or (self.prefix is not None and lead != self.prefix):
            behind = "" if self.prefix is None else f" behind {self.prefix} special tokens"
            raise self.error(
                f"token count does not fit the grid: {who.name} attends to {who.count} tokens, which is not {self.grid[0]} x "
                f"{self.grid[1]} patches{behind}. {SAY}"
            )
        self._note("How the tokens lie was said by the caller, and could not be proved.")
        return Tokens(Axis.patches(*self.grid, ["class"] if lead == 1 else [f"special {n + 1}" for n in range(lead)]))

    def _unknown(self, who: Asked) -> str:
        first = self._first
        if first is not None and first.count != who.count:
            return (
                f"{who.name} attends to {who.count} tokens where {first.name} has {first.count}: tokens were merged, dropped or "
                "sampled on the way, and which patch each is can't be found out. Switch that off in the module, or take the "
                "weights as they are from `with vit_attention.capture(module) as seen:`"
            )
        return f"{who.name} attends to {who.count} tokens, and which of them is which patch can't be found out. {SAY}"

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
