"""What the trust card says of use: the curves of a map of known use, and the same numbers as the library's own door gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats

import vit_attention as va
from tutorials.findings import Context, used
from tutorials.findings.context import Picture, Selection, anew
from visualizer import methods
from visualizer.measures.faithfulness import CENTRE, MAP, RANDOM, UNTRAINED
from vit_attention.inputs.edited import noisy


def context(run: Any = anew) -> Context:
    picture = Picture.drawn("scene-24")
    record = va.load("scene-vit").attend(picture.image)
    return Context("scene-vit", picture, record, Selection(11, None, 0, 0, 0, ()), run)


@dataclass
class Counts:
    """A model whose score is the share of the first row that can be seen."""

    seen: int = 0

    def scores_covered(self, given: Any, covers: np.ndarray, **_: Any) -> np.ndarray:
        self.seen += len(covers)
        return 1 - covers[:, 0].mean(axis=-1)


def test_a_map_of_what_is_used_and_a_map_of_all_else() -> None:
    model = Counts()

    def run(work: Any, _name: str, picture: Any, *args: Any) -> Any:
        return work(model, picture, *args)

    now = context(run)
    values = np.zeros(now.grid)
    values[0] = 1
    first = used.areas(now, values)[MAP]
    assert model.seen == used.passes()
    last = used.areas(now, -values)[MAP]
    # By hand, 14 of 196 patches are used: after the first step of a tenth nothing is left of the score, so that deletion is
    # half of that step, and insertion all but that half; for the other map it is the other way round.
    assert first == pytest.approx((10 / 196, 1 - 10 / 196), abs=0.002)
    assert last == pytest.approx((1 - 10 / 196, 10 / 196), abs=0.002)


def test_the_numbers_are_those_of_the_library() -> None:
    now = context()
    found = used.areas(now, np.asarray(now.answer("rollout").values, np.float64), ("rollout", "", {}))
    rows = {
        row["order"]: row
        for row in va.faithfulness(
            va.load("scene-vit"), now.picture.image, "rollout", road=False, baselines=("mean",)
        ).table()
    }
    for name in (MAP, CENTRE, UNTRAINED):
        wanted = rows[name]["deletion AUC, mean"], rows[name]["insertion AUC, mean"]
        assert found[name] == pytest.approx(wanted, abs=1e-5)
    assert found[MAP][0] < found[RANDOM][0]


def test_ranks_under_noise_are_those_of_maps_of_noisy_pictures() -> None:
    now = context()
    values = now.answer("rollout", knobs={"residual": 0.3}).values
    found = used.ranks_under_noise(now, values, ("rollout", "", {"residual": 0.3}))
    model = va.load("scene-vit")
    for seed, rank in enumerate(found, start=1):
        other = methods()["rollout"](model.attend(noisy(now.picture.image, 5.0, seed)), query=0, residual=0.3).values
        assert rank == pytest.approx(stats.spearmanr(values.ravel(), other.ravel()).statistic, abs=1e-5)
    assert len(set(found)) == used.DRAWS


def test_passes_are_counted_and_what_takes_many_runs_is_not_made_again() -> None:
    # Nine inner points of two curves of six orders, and the two ends; with an untrained network's order and map, and three noisy ones.
    assert used.passes(None) == 2 * 9 * 6 + 2 == used.passes(("rise", "", {}))
    assert used.passes(("rollout", "", {})) == 2 * 9 * 7 + 2 + 1 + 3
