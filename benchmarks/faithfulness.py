"""What judging a map costs: forward passes, and time as multiples of one pass of the same model, in turns in the same run.

    python -m benchmarks.faithfulness --model scene-vit --picture scene-7 --times 3

The four curves of one map, the same beside all controls, and ROAD of the map alone.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import vit_attention as va


def milliseconds(work: Callable[[], Any]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def measured(model: Any, picture: str, times: int) -> dict[str, tuple[int, float, float]]:
    """By what is measured: forward passes, median milliseconds, and these as multiples of one pass."""
    grid = model.axis().grid
    nothing = np.zeros((1, *grid), dtype=bool)
    asked: Any
    works: dict[str, tuple[int, Callable[[], Any]]] = {
        "one pass": (1, lambda: model.scores_covered(picture, nothing, target=0))
    }
    for name, asked in {
        "deletion and insertion, two baselines": {"controls": False, "road": False},
        "the same beside all controls": {"road": False},
        "the same with ROAD, without controls": {"controls": False},
    }.items():
        work: Callable[[], Any] = partial(va.faithfulness, model, picture, "rollout", **asked)
        works[name] = (sum(work().passes.values()), work)
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(times):
        for name, (_passes, work) in works.items():
            spent[name].append(milliseconds(work))
    one = statistics.median(spent["one pass"])
    return {
        name: (works[name][0], statistics.median(took), statistics.median(took) / one) for name, took in spent.items()
    }


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="scene-vit")
    parser.add_argument("--picture", default="scene-7")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    found = measured(va.load(given.model), given.picture, given.times)
    print("| rollout judged | passes | ms | times one pass |\n| --- | ---: | ---: | ---: |")
    for name, (passes, took, ratio) in found.items():
        print(f"| {name} | {passes} | {took:.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
