"""Findings of the page that asks whether attention is an explanation: both outcomes, and sinks at display and at run time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tutorials.findings import explaining as found
from tutorials.findings.context import Context, Finding
from tutorials.findings.explaining import EVEN, OTHER, PERMUTED, Floats, Rows, Sink
from visualizer.measures.divergence import jensen_shannon

SMALL, LARGE = 0.05, 0.5
"""Distances of answers below which it hardly moves, and from which it moves far."""
HARDLY, SOME, FAR = ("It hardly moves (below 0.05)", "It moves somewhat (0.05 to 0.5)", "It moves far (0.5 or more)")
SEEDS, FEW, DRAWS = 10, 3, 5
"""Orders of one layer that are tried; of all layers; draws of columns at random."""
ORDERS, OTHERS = 3, 2
"""Orders, and pictures whose rows, are tried in search of a map with the same answer."""
Progress = Callable[[int, int], object]
DIFFERENT = 0.5
"""Bits of divergence from which a map counts as another one."""
STAYS, HALVES = "It stays on the patch", "The register takes at least half of it"
NO_SINK = "0 patches take more than 30 % of a head's attention here (on scenes, none that lies off the objects), and this needs at least 1."


def moves(now: Context, rows: Rows, seeds: int) -> Floats:
    """(seeds,) how far the answer moves with other rows, for as many orders or other pictures."""
    return several(now, [(rows, seed) for seed in range(seeds)])


def several(now: Context, runs: list[tuple[Rows, int]]) -> Floats:
    """(runs,) how far the answer moves in runs with other rows, each with the seed of its order."""
    return now.run(found.moves, now.model, now.picture, tuple(runs), found.others(now), now.labels)


def unit(now: Context) -> str:
    """What the distance of two answers is."""
    return "total variation" if now.record.prediction.labels else "1 - mean cosine of the patch features"


def _asking(now: Context, **where: bool) -> Rows:
    """Rows of all heads, whichever head is looked at."""
    return found.chosen_rows(now, PERMUTED, **where)._replace(heads=None)


def _spread(values: Floats) -> str:
    return f"median {np.median(values):.3f}, from {values.min():.3f} to {values.max():.3f} over {len(values)} orders"


def _named(value: float) -> str:
    return HARDLY if value < SMALL else FAR if value >= LARGE else SOME


def one_layer(now: Context) -> Finding:
    """How far the answer moves if the asking token's row is permuted in the chosen layer."""
    values = moves(now, _asking(now), SEEDS)
    where = f"layer {now.chosen.layer + 1}, row of {now.query_name()}, all heads"
    return Finding(_named(float(np.median(values))), f"{unit(now).capitalize()}, {where}: {_spread(values)}.")


def all_layers(now: Context) -> Finding:
    """How far the answer moves if all rows of all layers are permuted."""
    values = moves(now, _asking(now, everywhere=True, everyone=True), FEW)
    return Finding(
        _named(float(np.median(values))), f"{unit(now).capitalize()}, all rows of all layers: {_spread(values)}."
    )


def layer_decides(now: Context) -> Finding:
    """Whether the answer moves at all if the asking token's row of the chosen layer is permuted."""
    values = moves(now, _asking(now), SEEDS)
    return Finding(bool(np.median(values) > SMALL), f"{unit(now).capitalize()}: {_spread(values)}; the bar is {SMALL}.")


def attention_is_idle(now: Context) -> Finding:
    """Whether the answer stays if all rows of all layers are permuted."""
    values = moves(now, _asking(now, everywhere=True, everyone=True), FEW)
    return Finding(
        bool(np.median(values) <= SMALL), f"{unit(now).capitalize()}: {_spread(values)}; the bar is {SMALL}."
    )


class Rival(NamedTuple):
    """A map in the place of the one that a model read, and what became of the answer.

    Attributes:
        name: where it is from.
        row: (tokens,) mean of the asking tokens and the heads, as it multiplied the values.
        apart: Jensen-Shannon divergence from the model's own row, in bits.
        moved: how far the answer moved; see `explaining.moved`.
    """

    name: str
    row: Floats
    apart: float
    moved: float


def own(now: Context, heads: tuple[int, ...] | None = None) -> tuple[Floats, Floats]:
    """The row of the asking token in the chosen layer as it is, and the answer."""
    at = found.chosen_rows(now)._replace(heads=heads)
    read: tuple[Floats, Floats] = now.run(found.read, now.model, now.picture, None, at, 0, (), now.labels)
    return read


def tried(now: Context, progress: Progress | None = None) -> list[Rival]:
    """Other maps in the place of the chosen layer's, for the asking token and all heads: several orders, even, of other pictures.

    Jain & Wallace 2019, arXiv:1902.10186, section 4.2.2, search by gradients for the most different map with the same answer;
    here it is the best of these.
    """
    names, at = found.others(now)[:OTHERS], _asking(now)
    ways = [(PERMUTED, seed, f"order {seed + 1}") for seed in range(ORDERS)] + [(EVEN, 0, "even rows")]
    ways += [(OTHER, seed, f"rows of {name}") for seed, name in enumerate(names)]
    row, before = own(now)
    rivals = []
    for done, (how, seed, name) in enumerate(ways):
        if progress is not None:
            progress(done, len(ways))
        other, after = now.run(found.read, now.model, now.picture, at._replace(how=how), at, seed, names, now.labels)
        rivals.append(Rival(name, other, float(jensen_shannon(row, other)), found.moved(before, after)))
    return rivals


def best(rivals: list[Rival]) -> Rival | None:
    """The most different map with which the answer hardly moves; None if it moves with all."""
    return max((one for one in rivals if one.moved <= SMALL), key=lambda one: one.apart, default=None)


def adversary(now: Context) -> Finding:
    """Whether a map is found that differs much from the model's own and hardly moves the answer."""
    rivals = tried(now)
    one, same = best(rivals), sum(each.moved <= SMALL for each in rivals)
    if one is None:
        return Finding(False, f"With none of {len(rivals)} other maps does the answer stay within {SMALL}.")
    return Finding(
        one.apart >= DIFFERENT,
        f"With {same} of {len(rivals)} other maps the answer stays within {SMALL}. The most different of these ({one.name}) is "
        f"{one.apart:.2f} bits from the model's own (0 is the same map, 1 shares no token) and moves it by {one.moved:.3f}.",
    )


def _strongest(now: Context) -> tuple[Sink | None, tuple[int, ...]]:
    """The strongest sink, and the tokens of all."""
    all_sinks = found.sinks(now)
    return (all_sinks[0] if all_sinks else None), tuple(sorted({one.token for one in all_sinks}))


def after(now: Context, masked: bool = False, register: Any = None) -> found.After:
    """The model as it is, without its sinks' columns, or with a register, which gets some neurons or none."""
    without = _strongest(now)[1] if masked else ()
    result: found.After = now.run(found.after, now.model, now.picture, without, register, now.labels)
    return result


def heir(now: Context) -> tuple[Sink, Sink] | None:
    """The strongest sink, and the patch that takes most of its head's attention once all sinks are masked."""
    first, _ = _strongest(now)
    if first is None:
        return None
    shares = after(now, masked=True).layers[first.layer, first.head, now.axis.prefix :]
    token = int(shares.argmax())
    return first, Sink(first.layer, first.head, token + now.axis.prefix, float(shares[token]))


def sink_goes(now: Context) -> Finding:
    """Whether a head has no sink any more once its sink's column is masked at run time."""
    both = heir(now)
    if both is None:
        return Finding(None, NO_SINK)
    first, new = both
    return Finding(
        new.share <= found.LEAST,
        f"Layer {first.layer + 1}, head {first.head + 1}: the {now.axis.name(first.token)} took {first.share:.1%} of the attention. "
        f"Masked, it takes none, and the {now.axis.name(new.token)} takes {new.share:.1%}; the bar is 30 %.",
    )


def beside_random(now: Context) -> list[float]:
    """How far the answer moves with all sinks masked in all layers, then with as many patches drawn at random, several times."""
    tokens = _strongest(now)[1]
    rng = np.random.default_rng(0)
    free = [n for n in range(now.axis.prefix, len(now.axis)) if n not in tokens]
    sets = [tokens, *(tuple(int(n) for n in rng.choice(free, len(tokens), replace=False)) for _ in range(DRAWS))]
    masked: Floats = now.run(found.masked_moves, now.model, now.picture, tuple(sets), now.labels)
    return list(masked.tolist())


def sink_matters(now: Context) -> Finding:
    """Whether masking the sinks' columns moves the answer more than masking as many patches at random."""
    tokens = _strongest(now)[1]
    if not tokens:
        return Finding(None, NO_SINK)
    sink, *rest = beside_random(now)
    return Finding(
        sink > max(rest),
        f"{unit(now).capitalize()} with {len(tokens)} sink{'s' * (len(tokens) > 1)} masked in all layers: {sink:.5f}; with as many "
        f"patches drawn at random {min(rest):.5f} to {max(rest):.5f} in {DRAWS} draws.",
    )


def kept_by(now: Context, register: Any = ()) -> tuple[Sink, float, float] | None:
    """The strongest sink, its share beside an added register, and the register's own in that head."""
    first, _ = _strongest(now)
    if first is None:
        return None
    shares = after(now, register=register).layers[first.layer, first.head]
    return first, float(shares[first.token]), float(shares[-1])


def register_takes(now: Context) -> Finding:
    """Whether an empty register takes at least half of what the strongest sink takes."""
    kept = kept_by(now)
    if kept is None:
        return Finding(None, NO_SINK)
    first, share, register = kept
    return Finding(
        HALVES if register >= first.share / 2 and share <= first.share / 2 else STAYS,
        f"Layer {first.layer + 1}, head {first.head + 1}: the {now.axis.name(first.token)} takes {first.share:.1%} of the attention "
        f"without a register and {share:.1%} beside an empty one, which takes {register:.2%}.",
    )
