"""What a classifier loses with each head switched off, and with many of them: on scenes that no model was trained on.

``python -m benchmarks.head_trial [MODEL ...]`` writes tutorials/findings/head_trial.json, which the lesson shows, and prints Markdown
for docs/measured.md. Without names it measures the bundled `scene-vit`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

import vit_attention as va
from tutorials.findings import trial_measured
from tutorials.findings.trial_measured import COUNT, LEAST, MEAN, MEANS, MOST, ORDERS, SEED, ZERO, HeadTrial
from vit_attention.changes import HeadGains
from vit_attention.models.trial import head_means
from worlds.scenes import Scene, scene

FILE = Path(trial_measured.__file__).with_name("head_trial.json")
STEP = 12
"""Heads more at every step of removal."""


def each_off(model: Any, picture: Any, means: NDArray[np.float32] | None) -> NDArray[np.float64]:
    """(1 + layers x heads, classes) raw scores, first with all heads, then with each switched off, as `head_scores` gives them.

    What comes before the changed block stays as it is, so that each pass begins at that block: half the work.
    """
    blocks, heads = model.anatomy.blocks, model.anatomy.heads
    states = torch.from_numpy(model.hidden_states(picture))
    found = [model.anatomy.tail(states[-1:]).numpy()]
    for layer in range(len(blocks)):
        gains = np.ones((heads, len(blocks), heads))
        gains[np.arange(heads), layer, np.arange(heads)] = 0
        with model.under(HeadGains(gains, means))._changed():
            tokens = states[layer].expand(heads, -1, -1)
            for block in blocks[layer:]:
                tokens = block(tokens)
        found.append(model.anatomy.tail(tokens).numpy())
    return np.concatenate(found).astype(np.float64)


def effects(model: Any, means: NDArray[np.float32] | None) -> dict[str, NDArray[np.float64]]:
    """Mean falls, half their intervals, and shares of changed answers, each (layers, heads)."""
    falls, changed = [], []
    for n in range(COUNT):
        found = each_off(model, scene(SEED + n).picture, means)
        likeliest = int(found[0].argmax())
        falls.append(found[0, likeliest] - found[1:, likeliest])
        changed.append(found[1:].argmax(axis=1) != likeliest)
        print(f"\r{n + 1} of {COUNT}", end="", flush=True)
    shape, each = (len(model.anatomy.blocks), model.anatomy.heads), np.array(falls)
    half = stats.t.ppf(0.975, COUNT - 1) * each.std(axis=0, ddof=1) / np.sqrt(COUNT)
    named = {"fall": each.mean(axis=0), "half": half, "changed": np.mean(changed, axis=0)}
    return {name: one.reshape(shape) for name, one in named.items()}


def accuracy(model: Any, scenes: list[Scene], off: NDArray[np.intp]) -> float:
    """Share of scenes whose likeliest class is one of their shapes, with these heads (numbers through all) switched off."""
    gains = np.ones((len(model.anatomy.blocks), model.anatomy.heads))
    gains.ravel()[off] = 0
    scores = model.under(HeadGains(gains)).classify([one.picture for one in scenes])
    said = [model.classes[n] for n in scores.argmax(axis=1)]
    return float(np.mean([name in {t.shape for t in one.things} for name, one in zip(said, scenes, strict=True)]))


def curves(model: Any, fall: NDArray[np.float64]) -> dict[str, Any]:
    """Accuracies as heads are removed, on other scenes than those of the falls."""
    scenes = [scene(SEED + COUNT + n) for n in range(COUNT)]
    most = np.argsort(-fall, axis=None, kind="stable")
    removed = [*range(0, fall.size, STEP), fall.size]
    ends = {n: accuracy(model, scenes, most[:n]) for n in (0, fall.size)}

    def along(order: NDArray[np.intp]) -> list[float]:
        print(".", end="", flush=True)
        return [ends[n] if n in ends else accuracy(model, scenes, order[:n]) for n in removed]

    rng = np.random.default_rng(SEED)
    return {
        "removed": removed,
        "accuracy": {MOST: along(most), LEAST: along(most[::-1])},
        "random": [along(rng.permutation(fall.size)) for _ in range(ORDERS)],
    }


def measured(model: Any) -> dict[str, Any]:
    """Everything that is measured of one model, as the file holds it."""
    means = head_means(model, [scene(SEED + 2 * COUNT + n).picture for n in range(MEANS)])
    with torch.inference_mode():
        found = {ZERO: effects(model, None), MEAN: effects(model, means)}
    falls = {
        name: {how: np.round(one[name], 4).tolist() for how, one in found.items()}
        for name in ("fall", "half", "changed")
    }
    return {"weights": model.weights_hash, "count": COUNT, **falls, **curves(model, found[ZERO]["fall"])}


def table(name: str, found: HeadTrial) -> str:
    """Markdown: the strongest heads, and what is left of the accuracy."""
    lines = [
        f"### `{name}`",
        "",
        "| head | zero: fall of the raw score | mean: fall of the raw score |",
        "| --- | ---: | ---: |",
    ]
    for at in found.strongest(ZERO, 10):
        falls = [f"{found.fall[how][at]:+.2f} ± {found.half[how][at]:.2f}" for how in (ZERO, MEAN)]
        lines.append(f"| layer {at[0] + 1}, head {at[1] + 1} | {falls[0]} | {falls[1]} |")
    lines += ["", "| heads off | weakest first | random (mean) | strongest first |", "| ---: | ---: | ---: | ---: |"]
    each = zip(found.removed, found.accuracy[LEAST], found.random.mean(axis=0), found.accuracy[MOST], strict=True)
    lines += [f"| {n} | {least:.0%} | {some:.0%} | {most:.0%} |" for n, least, some, most in each]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", default=["scene-vit"])
    stored: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    for name in parser.parse_args().models:
        stored[name] = measured(va.load(name))
        FILE.write_text(json.dumps(stored, separators=(",", ":")).replace("]],", "]],\n") + "\n", "utf-8")
        print(f"\n{table(name, HeadTrial.of(stored[name]))}\n", flush=True)


if __name__ == "__main__":
    main()
