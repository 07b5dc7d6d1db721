"""The benchmark of photographs: the head that is picked fairly, on constructed scores, and a whole report."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import photographs as bench


def scored(name: str, inside: list[list[float]], area: float = 0.25) -> bench.Measured:
    shares = np.array(inside)
    controls = {"chance": (area, area), "centre prior": (0.3, 1.0), "colour contrast": (0.2, 0.0)}
    return bench.Measured(name, "thing", True, shares, shares > 0.6, controls)


FOUND = [
    scored("a", [[0.5, 0.9], [0.3, 0.2]]),  # its own best is a head that is bad everywhere else
    scored("b", [[0.5, 0.1], [0.7, 0.2]]),
    scored("c", [[0.5, 0.1], [0.7, 0.2]]),
]


def test_the_head_is_picked_on_the_others_and_scored_on_the_one_left_out() -> None:
    chosen = [(head, one.inside[head]) for head, one in bench.left_out(FOUND)]
    # On b and c layer 1, head 0 wins (0.7, 0.7); on a with b or c layer 0, head 0 does: 0.5 x 0.5 against 0.3 x 0.7.
    assert chosen == [((1, 0), 0.3), ((0, 0), 0.5), ((0, 0), 0.5)]


def test_the_table_names_the_number_of_photographs_and_every_control() -> None:
    lines = bench.fair_lines(FOUND, FOUND)
    cells = {line.split(" | ")[0].removeprefix("| "): line for line in lines[2:]}
    # 0.3 x 0.7 x 0.7 is larger than 0.5 cubed.
    assert cells["best head of all, layer 2, head 1"].endswith("| 56.7 % | 2.11 | 2 of 3 |")
    assert "| 43.3 % |" in cells["head picked on the other 2 (layer 1, head 1; layer 2, head 1)"]
    assert cells["chance"].endswith("| 25.0 % | 1.00 | 0.8 of 3 |")
    assert cells["centre prior"].endswith("| 30.0 % | 1.20 | 3 of 3 |")
    assert cells["colour contrast"].endswith("| 20.0 % | 0.80 | 0 of 3 |")


def test_a_report_of_a_bundled_model(capsys: pytest.CaptureFixture[str]) -> None:
    text = bench.report("scene-vit")
    assert text.startswith("### `scene-vit`: 7 photographs, 28 outlines")
    assert "| coffee: cup | layer " in text
    assert bench.at_hand(["scene-vit", "aoanet"]) == ["scene-vit"]
    assert "`aoanet` is not at hand and is left out." in capsys.readouterr().out
