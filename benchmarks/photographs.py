"""Which head of which layer finds what on the outlined photographs, beside controls that know no model, and an untrained network.

``python -m benchmarks.photographs [MODEL ...]``: without names, of `photo-dino` and `dinov2-small` those whose weights are
at hand. The map of a head is what the class token reads from patches. Prints Markdown for docs/measured.md, whatever comes out.
A head that was picked because it is the best of many on a handful of photographs says little: the fair line picks it on all
other photographs and scores it on the one left out.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

import vit_attention as va
from tutorials.findings.parts import Measured, best, gain, left_out, scores
from vit_attention import registry
from vit_attention.models.cards import caution
from vit_attention.models.untrained import untrained

DEFAULT = ("photo-dino", "dinov2-small")


def outline_lines(found: Sequence[Measured], control: Sequence[Measured]) -> list[str]:
    """One line an outline: the head that finds it best, beside everything that knows nothing."""
    lines = [
        "| photograph: outline | best head | inside | chance | centre prior | colour contrast | best untrained head |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one, other in zip(found, control, strict=True):
        at = best([one], gain)
        shares = (one.inside[at], *(share for share, _ in one.controls.values()), other.inside.max())
        cells = " | ".join(f"{share:.1%}".replace("%", " %") for share in shares)
        lines.append(f"| {one.photograph}: {one.outline} | layer {at[0] + 1}, head {at[1] + 1} | {cells} |")
    return lines


def fair_lines(found: Sequence[Measured], control: Sequence[Measured]) -> list[str]:
    """The main objects over all photographs: the one best head picked on all, the fair one, and the controls."""
    count, at = len(found), best(found, gain)
    chosen = left_out(found)
    heads = {f"layer {layer + 1}, head {head + 1}" for (layer, head), _ in chosen}
    lines = ["| main objects | inside, mean | times chance, geometric mean | points |", "| --- | ---: | ---: | ---: |"]

    def line(name: str, inside: Sequence[Any], area: Sequence[float], points: str) -> None:
        ratio = np.exp(np.mean([np.log(max(share, 1e-6) / part) for share, part in zip(inside, area, strict=True)]))
        lines.append(f"| {name} | {100 * np.mean(inside):.1f} % | {ratio:.2f} | {points} of {count} |")

    area = [one.controls["chance"][0] for one in found]
    hits = sum(int(one.hits[at]) for one in found)
    line(f"best head of all, layer {at[0] + 1}, head {at[1] + 1}", [one.inside[at] for one in found], area, str(hits))
    fair = [one.inside[head] for head, one in chosen]
    hits = sum(int(one.hits[head]) for head, one in chosen)
    line(f"head picked on the other {count - 1} ({'; '.join(sorted(heads))})", fair, area, str(hits))
    line("mean of all heads", [one.inside.mean() for one in found], area, f"{sum(o.hits.mean() for o in found):.1f}")
    untaught = left_out(control)
    hits = sum(int(one.hits[head]) for head, one in untaught)
    line("untrained, picked likewise", [one.inside[head] for head, one in untaught], area, str(hits))
    for name in found[0].controls:
        points = sum(one.controls[name][1] for one in found)
        inside = [one.controls[name][0] for one in found]
        line(name, inside, area, f"{points:.1f}" if name == "chance" else f"{points:.0f}")
    return lines


def report(name: str) -> str:
    """All of one model in Markdown."""
    model = va.load(name)
    found = scores(model)
    control = scores(untrained(model))
    main = [one for one in found if one.main]
    title = f"### `{name.rpartition('/')[2] if ':' in name else name}`: {len(main)} photographs, {len(found)} outlines"
    said = [caution(name), ""] if caution(name) else []
    control_main = [one for one in control if one.main]
    return "\n".join([title, "", *said, *fair_lines(main, control_main), "", *outline_lines(found, control)])


def at_hand(names: Sequence[str]) -> list[str]:
    """Those of the names whose weights need no download; says which are left out."""
    found = [name for name in names if registry.at_hand(name)]
    for name in names:
        if name not in found:
            print(f"`{name}` is not at hand and is left out.\n")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    names = parser.parse_args().models or at_hand(DEFAULT)
    for name in names:
        print(report(name) + "\n", flush=True)


if __name__ == "__main__":
    main()
