"""`python -m benchmarks.sinks`: sinks of photo-dino left out at display, masked at run time, and beside an added register."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.timing import table
from tutorials.claims.defaults import default
from tutorials.claims.fresh import looked
from tutorials.claims.many import once_loaded
from tutorials.findings import explaining as numbers
from tutorials.findings import explanation as found
from tutorials.findings.context import Context, Picture
from visualizer.measures.controls import centre_prior
from visualizer.measures.score import mass_in_mask
from worlds.photographs import photographs

MODEL, TOP = "photo-dino", 10
MASKED = (
    "photograph",
    "strongest sink: layer, head, patch",
    "its share",
    "masked: next patch",
    "its share",
    "moves the features by",
    "largest of 5 random",
)
INSIDE = (
    "photograph",
    "outline covers",
    "centre prior",
    "rollout as it is",
    "display: without sinks",
    "run time: masked",
    "run time: register",
)
REGISTER = (
    "photograph",
    "sink without register",
    "sink beside it",
    "register there",
    "register, most in any head (layer)",
    "features move by",
    "with 10 neurons: sink",
    "register there",
    "features move by",
)


def contexts() -> list[Context]:
    """Every sample photograph under the model, one after another."""
    run = once_loaded()
    first: Context = default("explanation", MODEL, run)
    pictures = [Picture.photograph(name) for name in photographs()]
    return [replace(first, picture=one, record=run(looked, MODEL, one, ()), run=run) for one in pictures]


def masked(now: Context) -> tuple[str, ...]:
    """What happens when nobody looks at the sinks."""
    both = found.heir(now)
    if both is None:
        return (
            now.picture.id,
            "none",
            *[""] * 5,
        )
    first, new = both
    sink, *rest = found.beside_random(now)
    where = f"{first.layer + 1}, {first.head + 1}, {now.axis.name(first.token)}"
    return (
        now.picture.id,
        where,
        f"{first.share:.1%}",
        now.axis.name(new.token),
        f"{new.share:.1%}",
        f"{sink:.5f}",
        f"{max(rest):.5f}",
    )


def inside(now: Context) -> tuple[str, ...]:
    """Share of the class token's rollout inside the outline of the main object."""
    truth = now.truth
    assert truth is not None
    hidden = now.answer("rollout", query=None, sinks="hide").values
    maps = [centre_prior(now.grid), found.after(now).rollout, np.nan_to_num(hidden)]
    maps += [found.after(now, masked=True).rollout, found.after(now, register=()).rollout]
    shares = [float(mass_in_mask(one.reshape(now.grid), truth)) for one in maps]
    return (
        now.picture.id,
        f"{truth.mean():.1%}",
        *(f"{share:.1%}" for share in shares),
    )


def register(now: Context, neurons: Any) -> tuple[str, ...]:
    """What an added register takes, with nothing and with neurons put on it."""
    kept, moved = found.kept_by(now), found.kept_by(now, neurons)
    if kept is None or moved is None:
        return (
            now.picture.id,
            "none",
            *[""] * 7,
        )
    before = found.after(now)
    apart = [numbers.moved(before.answer, found.after(now, register=one).answer) for one in ((), neurons)]
    most = found.after(now, register=()).layers[..., -1].max(axis=1)
    largest = f"{most.max():.1%} ({int(most.argmax()) + 1})"
    told = [f"{kept[0].share:.1%}", f"{kept[1]:.1%}", f"{kept[2]:.2%}", largest, f"{apart[0]:.5f}"]
    return (
        now.picture.id,
        *told,
        f"{moved[1]:.1%}",
        f"{moved[2]:.2%}",
        f"{apart[1]:.5f}",
    )


def main() -> None:
    nows = contexts()
    print(
        table(
            "Masked in all layers; features move by 1 - mean cosine of all patches:",
            [masked(one) for one in nows],
            MASKED,
        )
    )
    outlined = [one for one in nows if one.picture.mask is not None]
    print(table("Share of the rollout inside the outline:", [inside(one) for one in outlined], INSIDE))
    names = tuple(one.picture.id for one in nows if numbers.sinks(one))
    neurons = nows[0].run(numbers.neurons, MODEL, None, names, TOP)
    rows = [register(one, neurons) for one in nows]
    print(table(f"A register; its neurons (layer from 0: numbers) {dict(neurons)}:", rows, REGISTER))


if __name__ == "__main__":
    main()
