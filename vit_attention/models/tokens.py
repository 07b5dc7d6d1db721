"""Which token is made of which patch: found by changing the picture and looking which tokens change, never by counting.

A network is run until the attention in question, each time with other patches changed: those whose number has a certain
binary digit, and those whose number has not. A token made of one patch changes in exactly one of the two, and its answers
spell the patch's number; a special token never changes; a token made of several patches changes in both.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention.capture import Enough, Request, Seen, capture, given_to
from vit_attention.models.feature_maps import Change, FeatureMap, FeatureMaps, noise

_MOST_TRIED = 8
_FAINT = 1e-3
"""Share of the largest change below which a change is rounding."""


@dataclass(frozen=True)
class Layout:
    """What the tokens of one sequence are.

    Attributes:
        special: positions of the tokens that are made of no patch alone.
        patches: position of every patch's token, in reading order; () where no token depends on the picture.
        grid: (rows, columns) of the patches.
        cell: (height, width) in pixels of the input of one patch; None where it is not known to the pixel.
    """

    special: tuple[int, ...]
    patches: tuple[int, ...] = ()
    grid: tuple[int, int] = (0, 0)
    cell: tuple[int, int] | None = None

    @property
    def order(self) -> list[int]:
        """Positions in the order of a record: special tokens first, then patches in reading order."""
        return [*self.special, *self.patches]

    @property
    def lead(self) -> int:
        """How many of the special tokens stand before every patch."""
        return sum(at < min(self.patches, default=0) for at in self.special)


@dataclass(frozen=True)
class Partial:
    """Some patches alone have a token of their own: `kept` of `cells`."""

    kept: int
    cells: int


@dataclass(frozen=True)
class Cells:
    """A grid that tokens may be made of, and a way to change its cells.

    Attributes:
        grid: (rows, columns).
        change: from a (rows, columns) mask of cells to a change of the run.
        cell: (height, width) of a cell in pixels, where the change is one of pixels.
    """

    grid: tuple[int, int]
    change: Callable[[Tensor], "Change"]
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class Asked:
    """Whose tokens are asked about: the `part` ("value" or "query") of the attention at `name`, number `layer`."""

    name: str
    layer: int
    part: str
    count: int


def _rows(given: Tensor, count: int) -> Tensor | None:
    """(tokens, numbers) of a tensor that holds so many tokens of one picture; None of another."""
    if given.ndim == 3 and given.is_floating_point() and 1 in given.shape[:2] and count in given.shape[:2]:
        return given.reshape(count, -1).float().cpu() if given.shape[0] * given.shape[1] == count else None
    return None


class Experiment:
    """One network and one input, run again with changes; sure of itself only where two equal runs are equal.

    Args:
        module: what is captured.
        run: what is called with pixels.
        pixels: (1, channels, height, width).
        seeded: draw the same random numbers in every run.
    """

    def __init__(self, module: nn.Module, run: Callable[[Tensor], Any], pixels: Tensor, seeded: bool = False) -> None:
        self.module, self.run, self.pixels, self.seeded = module, run, pixels, seeded

    def same(self) -> AbstractContextManager[Any]:
        """Where runs draw the same random numbers if they are `seeded`; otherwise no global state is touched."""
        if not self.seeded:
            return nullcontext()
        return _seeded(self.pixels.device)

    def repeats(self, who: Asked) -> bool:
        """Whether two runs give the same tokens."""
        first, again = (self.tokens(who, Change(self.pixels))[0] for _ in range(2))
        return first is None or (again is not None and first.shape == again.shape and bool(torch.equal(first, again)))

    def tokens(self, who: Asked, change: Change) -> tuple[Tensor | None, list[FeatureMap]]:
        """(tokens, numbers) what an attention is given, None where it can't be had; and the grids before it."""
        kept: list[Seen] = []
        given: list[Tensor] = []
        grids = FeatureMaps(change)
        request = Request(layers=(who.layer,), parts=True, proof_rows=1, enough=True)
        entered = given_to(self.module.get_submodule(who.name), given.append)
        with self.same(), torch.inference_mode(), grids, entered:
            try:
                with capture(self.module, request) as kept:
                    self.run(change.pixels)
            except Enough:
                pass
        vectors = kept[0].parts.get(who.part) if kept else None
        if vectors is not None and bool(vectors.any()):  # a projection that is still zero says nothing
            return vectors[0].transpose(0, 1).flatten(1).float().cpu(), grids.seen
        return next((found for one in given if (found := _rows(one, who.count)) is not None), None), grids.seen

    def layout(self, who: Asked, known: bool = False) -> Layout | Partial | None:
        """What the tokens of an attention are; None where it can't be proved.

        Args:
            who: whose tokens.
            known: whether there is another way to know, so that tokens which all see all of the picture are not worth the time.
        """
        found = self._layout(who, known)
        self.tokens(who, Change(self.pixels))  # what the module keeps of its last run is of the picture itself
        return found

    def _layout(self, who: Asked, known: bool) -> Layout | Partial | None:
        base, grids = self.tokens(who, Change(self.pixels))
        if base is None or len(base) != who.count:
            return None
        reached = int(self._changed(base, who, self._pixels(self._middle())).sum())
        if known and reached == who.count:
            return None
        partial = None
        for cells in self._candidates(base, who, grids, reached):
            found = self._proved(cells, base, who)
            if isinstance(found, Layout):
                return found
            partial = partial or found
        if not reached and partial is None and not self._changed(base, who, self._pixels(None)).any():
            return Layout(tuple(range(len(base))))
        return partial

    def _candidates(self, base: Tensor, who: Asked, grids: list[FeatureMap], reached: int) -> Iterator[Cells]:
        """Grids of pixels while one pixel reaches one token at most (and a mean of all), then feature maps, the last first."""
        height, width = self.pixels.shape[-2:]
        if reached <= 2:
            made = [(one.grid, one.step) for one in grids if one.step and _covers(one.grid, one.step, (height, width))]
            count = int(self._changed(base, who, self._pixels(None)).sum())
            for grid, step in dict.fromkeys([*made, *_tilings(count, (height, width))]):
                yield Cells(grid, partial(self._pixel_cells, step), step)
        fit = [n for n, one in enumerate(grids) if one.grid[0] * one.grid[1] <= len(base)]
        for number in fit[: -1 - _MOST_TRIED : -1]:
            yield Cells(grids[number].grid, partial(Change, self.pixels, number))

    def _middle(self) -> Tensor:
        """A mask of the pixel in the middle."""
        mask = torch.zeros(self.pixels.shape[-2:])
        mask[mask.shape[0] // 2, mask.shape[1] // 2] = 1
        return mask

    def _pixel_cells(self, step: tuple[int, int], mask: Tensor) -> Change:
        height, width = self.pixels.shape[-2:]
        return self._pixels(_enlarged(mask, step, (height, width)))

    def _pixels(self, mask: Tensor | None) -> Change:
        """Pixels changed where a mask is 1; all of them without one."""
        added = noise(self.pixels)
        return Change(self.pixels + (added if mask is None else added * mask.to(added)))

    def _changed(self, base: Tensor, who: Asked, change: Change) -> Tensor:
        """(tokens,) whether each is another than in `base`."""
        return _large(self._difference(base, who, change), base)

    def _difference(self, base: Tensor, who: Asked, change: Change) -> Tensor:
        found = self.tokens(who, change)[0]
        if found is None or found.shape != base.shape:  # how many tokens there are depends on the picture
            return torch.full((len(base),), torch.inf)
        moved: Tensor = torch.linalg.vector_norm(found - base, dim=1)
        return moved

    def _proved(self, cells: Cells, base: Tensor, who: Asked) -> Layout | Partial | None:
        count = cells.grid[0] * cells.grid[1]
        numbers = torch.arange(count).reshape(cells.grid)
        spelled, alone, silent = torch.zeros(len(base), dtype=torch.long), *torch.ones(2, len(base), dtype=torch.bool)
        for digit in range(max((count - 1).bit_length(), 1)):
            has = (numbers >> digit) & 1
            one = self._changed(base, who, cells.change(has))
            if one.all() and count > 1:
                return None  # half of the cells reach every token
            zero = self._changed(base, who, cells.change(1 - has))
            spelled, alone, silent = spelled + (one.long() << digit), alone & (one ^ zero), silent & ~(one | zero)
            if not alone.any():
                return None
        patches = {int(number): at for at, number in enumerate(spelled) if alone[at]}
        if len(patches) != int(alone.sum()) or not all(number < count for number in patches):
            return None
        if len(patches) < count:
            # Tokens that see many patches at once speak against the grid, not for patches that were left out.
            return Partial(len(patches), count) if bool((alone | silent).all()) else None
        special = tuple(at for at in range(len(base)) if not alone[at])
        return Layout(special, tuple(patches[n] for n in range(count)), cells.grid, cells.cell)


@contextmanager
def _seeded(device: torch.device) -> Iterator[None]:
    """Random numbers from a fixed seed; the generators are as before afterwards."""
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        torch.manual_seed(0)
        yield


def _large(difference: Tensor, base: Tensor) -> Tensor:
    least = 1e-6 * float(torch.linalg.vector_norm(base, dim=1).max())
    return difference > max(_FAINT * float(difference.max()), least)


def _covers(grid: tuple[int, int], step: tuple[int, int], size: Sequence[int]) -> bool:
    """Whether cells of this size cover the input up to less than one of them."""
    return all(abs(grid[n] * step[n] - size[n]) < step[n] for n in (0, 1))


def _tilings(count: int, size: tuple[int, int]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Grids of so many equal cells that tile the input, and the size of their cells; cells nearest to a square first."""
    grids = [(rows, count // rows) for rows in range(1, count + 1) if count % rows == 0]
    found = [
        ((rows, columns), (size[0] // rows, size[1] // columns))
        for rows, columns in grids
        if size[0] % rows == 0 and size[1] % columns == 0
    ]
    return sorted(found, key=lambda one: max(one[1]) / min(one[1]))


def _enlarged(mask: Tensor, step: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """A mask of cells as one of pixels; what no cell covers stays as it is, cells that reach outside are cut."""
    large = mask.repeat_interleave(step[0], 0).repeat_interleave(step[1], 1)[: size[0], : size[1]]
    whole = torch.zeros(size)
    whole[: large.shape[0], : large.shape[1]] = large
    return whole
