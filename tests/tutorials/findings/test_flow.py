"""The toy of pipes, by hand in tenths."""

from __future__ import annotations

import pytest

from tutorials.findings import flow


@pytest.mark.parametrize(("patch", "value"), [(1, 10), (2, 8), (3, 2), (4, 10)])
def test_flows_are_those_added_on_paper(patch: int, value: int) -> None:
    found = flow.between(patch)
    assert found.value == pytest.approx(value / 10, abs=1e-8)
    assert sum(pipe.capacity for pipe in found.cut) == pytest.approx(value / 10)


def test_the_cut_in_front_of_patch_2() -> None:
    """Half of the class token goes to patch 4; of the half that it keeps, layer 2 lets 0.2 through to patch 1 and 0.1 to patch 2."""
    cut = [(pipe.layer, pipe.query, pipe.key, round(pipe.capacity, 9)) for pipe in flow.between(2).cut]
    assert cut == [(2, 0, 4, 0.5), (1, 0, 1, 0.2), (1, 0, 2, 0.1)]


def test_patches_1_and_4_tie_and_patch_2_has_the_largest_rollout() -> None:
    found = flow.toy_ties(None)
    assert found.answer == "Patches 1 and 4"
    assert "patch 2: flow 0.8, rollout 0.325" in found.text
    assert "Patch 2 has the largest rollout and does not reach 1.0" in found.text
