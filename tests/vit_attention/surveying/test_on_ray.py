"""The survey on two workers of Ray: the same rows, also where one of them is killed in the middle."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import vit_attention as va
from vit_attention.gate import GateError
from vit_attention.surveying.items import Item
from vit_attention.surveying.listed import Listed
from vit_attention.surveying.run import finished, job

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install .[cluster]")
from vit_attention.surveying.on_ray import Cluster, Weights, run  # noqa: E402

TWO = Cluster(workers=2, store=100)


class Deadly(Listed):
    """Kills the worker that first comes to its second shard."""

    def items(self, shard: int) -> Iterator[Item]:
        mark = Path(self.text)
        for n, one in enumerate(super().items(shard)):
            if shard == 1 and n == 1 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield one


def table(folder: Path, name: str) -> pd.DataFrame:
    found = pd.read_parquet(folder / name)
    return found.sort_values([one for one in ("picture", "layer", "head", "method") if one in found], ignore_index=True)


def same(one: Path, other: Path) -> None:
    for name in ("heads", "methods"):
        pd.testing.assert_frame_equal(table(one, name), table(other, name), rtol=1e-5, atol=1e-6)


def test_two_workers_give_the_rows_of_one_process_though_one_of_them_is_killed(
    name: str, model: Any, photos: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"shard_size": 2, "methods": ["rollout", "relevance"], "batch": 2}
    va.survey(model, photos, tmp_path / "local", **asked)
    ray.cloudpickle.register_pickle_by_value(sys.modules[Deadly.__module__])
    made = job(model, photos, tmp_path / "out", **asked)
    files = [str(path) for path in sorted(photos.iterdir())]
    object.__setattr__(made, "source", Deadly([files], str(tmp_path / "mark"), 2))
    run(made, TWO, Weights(name), False)
    assert (tmp_path / "mark").exists()
    assert finished(made, 0).pictures == 12
    same(tmp_path / "local", tmp_path / "out")


def test_it_goes_on_with_what_one_process_began(name: str, photos: Path, tmp_path: Path) -> None:
    va.survey(name, photos, tmp_path / "out", shard_size=3, shard="1/2")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()}
    found = va.survey(name, photos, tmp_path / "out", shard_size=3, engine="ray", cluster=TWO)
    assert (found.done, found.pictures) == (4, 12)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_worker_with_other_weights_or_none_says_so(model: Any, photos: Path, tmp_path: Path) -> None:
    for name, said in (("scene-vit", "want weights .* on every worker"), ("vit-b-16", "could not be reached")):
        made = job(model, photos, tmp_path / name)
        with pytest.raises(GateError, match=said):
            run(made, TWO, Weights(name), False)


def test_limits_of_a_cluster_that_runs_already_are_refused(name: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(GateError, match="store, spill: want a cluster that is started here"):
        va.survey(name, photos, tmp_path / "out", engine="ray", cluster=Cluster(address="auto", store=100))
