"""`python -m benchmarks.numbers`: rollout of ViT-B/16's 12 layers (197 tokens) and the size of a record."""

from __future__ import annotations

import argparse

import numpy as np

import vit_attention as va
from benchmarks.timing import medians, table
from visualizer.measures.rollout import class_rollout, rollout
from worlds.scenes import scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    layers = [rng.dirichlet(np.full(197, 0.1), size=(12, 197)).astype(np.float32) for _ in range(12)]
    took = medians(
        {
            "rollout, full matrix chain": lambda: rollout(layers),
            "class rollout, vector-matrix products": lambda: class_rollout(layers),
            "class rollout, discard 0.9": lambda: class_rollout(layers, discard_ratio=0.9),
            "class rollout, max fusion, discard 0.9": lambda: class_rollout(
                layers, head_fusion="max", discard_ratio=0.9
            ),
        },
        args.rounds,
    )
    base = took["rollout, full matrix chain"]
    rows = [(name, f"{seconds * 1000:.2f} ms", f"{base / seconds:.1f} x faster") for name, seconds in took.items()]
    print(
        table(
            f"12 layers x 12 heads x 197 tokens, medians of {args.rounds} interleaved rounds:",
            rows,
            ("work", "time", "than the full chain"),
        )
    )
    model = va.load("scene-vit")
    sizes = [
        ("float32", model.attend(scene(7).picture).nbytes),
        ("float16", model.attend(scene(7).picture, half=True).nbytes),
    ]
    print(
        table(
            "Record of one picture, 12 x 12 maps of 197 x 197:",
            [(n, f"{b / 1e6:.1f} MB") for n, b in sizes],
            ("precision", "memory"),
        )
    )


if __name__ == "__main__":
    main()
