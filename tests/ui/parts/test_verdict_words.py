"""What a verdict is said to mean, for outcomes of every kind made by hand."""

from __future__ import annotations

import pytest

from tutorials.claims import Verdict
from tutorials.claims.verdict import PHOTOGRAPHS
from ui.parts.verdict_words import lines


def made(held: int, interval: tuple[float, float], p: float | None = 0.001, **more: object) -> Verdict:
    given: dict[str, object] = {"wins": 16, "losses": 2, **more}
    return Verdict(held, 50, 1, interval, (("blobs", 3, 50), ("centre", 30, 50)), p, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdict", "means"),
    [
        (
            made(44, (0.762, 0.944)),
            "it holds on most. It holds more often than for the best control, centre (p = 0.001, exact",
        ),
        (
            made(44, (0.762, 0.944), 0.2),
            "it holds on most. There is no clear difference from the best control, centre (p = 0.2,",
        ),
        (
            made(5, (0.04, 0.2), 1e-9, wins=1, losses=20),
            "it fails on most. It holds less often than for the best control, centre (p < 0.001",
        ),
        (made(25, (0.37, 0.63), None), "it holds on some and fails on others."),
        (made(44, (0.762, 0.944), of=3), "sign test, Holm over 3 claims"),
    ],
)
def test_three_lines_say_what_was_tested_what_came_out_and_what_it_means(verdict: Verdict, means: str) -> None:
    asked, found, meant = lines(verdict).splitlines()
    assert asked == (
        "- **Tested:** does it hold on each of 50 scenes; 1 more cannot be tested? Beside them, controls that know nothing."
    )
    share = f"{2 * verdict.held} %"
    assert f"it holds on {verdict.held} of 50 ({share}, 95 % interval" in found
    assert found.endswith("Controls: blobs 3 of 50, centre 30 of 50.")
    assert means in meant


def test_few_photographs_have_no_verdict_and_what_cannot_be_tested_says_why() -> None:
    few = Verdict(6, 7, 0, (0.49, 0.97), (), None, things=PHOTOGRAPHS)
    assert lines(few).splitlines()[-1] == "- **Means:** no verdict, which takes 20 outlined photographs."
    assert "interval" not in lines(few)
    none = Verdict(0, 0, 4, (float("nan"),) * 2, (), None, "No outlines.")
    assert lines(none) == "It cannot be tested on any of 4 scenes. No outlines."
