"""How `scene-aoanet` was made: `python -m training.scene_aoanet --out FOLDER`.

First the convolutional network learns every cell's shape and colour, then the captioner learns on it, then both at once.
Supervised: the words of the caption and, as an auxiliary loss, every cell (which shape and which colour cover it, if
any). Attention is never supervised: no loss knows where a word should look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import training.run
from training.muon import Muon
from training.run import Optimiser, arguments, cosine
from training.scene_aoanet_learner import Learner, evaluate_captions, evaluate_cells, losses
from training.scene_captions import HELD_OUT_SEED, Store, batch, store


@dataclass(frozen=True)
class Stage:
    """`steps` steps with fresh optimisers; the learning rate goes from `high` to `low` times its peak.

    Attributes:
        cnn: the convolutional network's learning rate as a share of everything else's; 0 freezes it.
        captions: whether captions are learned; if not, only cells are.
        over: steps after which the rate would have come down to `low`; None is all of `steps`.
    """

    batch: int
    steps: int
    high: float
    low: float
    cnn: float
    captions: bool
    over: int | None = None

    def rate(self, step: int) -> float:
        """Share of the peak learning rate at a step of this stage: a cosine from `high` to `low`."""
        return cosine(self.high, self.low, step / (self.over or self.steps))


class Optimisers:
    """Muon for matrices and convolutions (each a matrix of one row per output), AdamW for the rest."""

    def __init__(self, learner: Learner, stage: Stage) -> None:
        self.flat: list[tuple[nn.Parameter, nn.Parameter]] = []
        muon: dict[float, list[nn.Parameter]] = {}
        adam: dict[float, list[nn.Parameter]] = {}
        for name, p in learner.named_parameters():
            share = stage.cnn if name.startswith("net.cnn.") else 1.0
            if share == 0 or (name.startswith("net.captioner.") and not stage.captions):
                continue
            if p.ndim == 4 and p.shape[1] > 3:
                self.flat.append((p, nn.Parameter(p.data.flatten(1))))  # a view: the update reaches the weight
                muon.setdefault(share, []).append(self.flat[-1][1])
            elif p.ndim == 2 and any(part in name for part in ("linears", "aoa_layer", "ctx2att", "att2ctx")):
                muon.setdefault(share, []).append(p)
            else:
                adam.setdefault(share, []).append(p)
        self.all: list[Optimiser] = [
            *((Muon(ps, 3e-3), 3e-3 * share) for share, ps in muon.items()),
            *(
                (torch.optim.AdamW(ps, 2e-3, betas=(0.9, 0.98), weight_decay=0.01), 2e-3 * share)
                for share, ps in adam.items()
            ),
        ]

    def hand_over(self) -> None:
        """Give the matrices that convolutions are seen as the gradients of their kernels."""
        for p, view in self.flat:
            view.grad = None if p.grad is None else p.grad.flatten(1)


class Run(training.run.Run):
    """The run of this model; every stage begins with fresh optimisers."""

    learner: Learner

    def __init__(self, out: Path, data: Store, held_out: Store, seed: int) -> None:
        torch.manual_seed(seed)
        super().__init__(out, Learner())
        self.data, self.held_out, self.seed = data, held_out, seed
        self.rng = np.random.default_rng(seed)

    def train(self, stages: Sequence[Stage], warm_up: int = 100) -> None:
        """All stages, from where the run stands."""
        first = 0
        for stage in stages:
            done = max(0, self.step - first)
            if done < stage.steps:
                self._stage(stage, done, warm_up)
            first += stage.steps
        self.log({"held_out": self._evaluate(stages[-1], 1000)})
        self.save()

    def _stage(self, stage: Stage, done: int, warm_up: int) -> None:
        stage_optimisers = Optimisers(self.learner, stage)
        self.optimisers = stage_optimisers.all
        if done:
            self.restore()
        self.learner.train()
        if stage.cnn == 0:
            self.learner.net.cnn.eval()
        for i in range(done, stage.steps):
            shown = self._one(stage, stage_optimisers, stage.rate(i) * min(1, (i + 1) / warm_up))
            if self.step % 25 == 0:
                self.log({k: round(v, 4) for k, v in shown.items()})
            if self.step % 250 == 0:
                self.log({"held_out": self._evaluate(stage, 500)})
                self.save()

    def _evaluate(self, stage: Stage, limit: int) -> dict[str, float]:
        found = evaluate_cells(self.average, self.held_out, limit)
        return {**found, **evaluate_captions(self.average, self.held_out, limit)} if stage.captions else found

    def _one(self, stage: Stage, optimisers: Optimisers, rate: float) -> dict[str, float]:
        made = batch(self.rng, self.data, stage.batch)
        loss, shown = losses(self.learner, made, see=stage.cnn > 0, say=stage.captions)
        loss.backward()
        self.clip()
        optimisers.hand_over()
        self.apply(rate)
        self.counted()
        return shown

    def export(self) -> Path:
        """Write the average network in half precision, as it ships; returns the file."""
        path = self.out / "scene-aoanet.safetensors"
        state = self.average.net.state_dict()
        save_file({k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}, path)
        return path

    def resume(self) -> None:
        """As every run, but not with the scenes of the beginning once more."""
        super().resume()
        self.rng = np.random.default_rng([self.seed, self.step])


# What the shipped weights went through, 20 core-minutes in all.
STAGES = [
    Stage(batch=48, steps=900, high=1.0, low=0.2, cnn=1.0, captions=False),
    Stage(batch=48, steps=1100, high=1.0, low=0.3, cnn=0.0, captions=True, over=1500),
    Stage(batch=32, steps=300, high=0.4, low=0.02, cnn=0.3, captions=True),
]


def main() -> None:
    args = arguments(__doc__, 48_000)
    run = Run(
        args.out, store(args.out / "scenes", args.scenes), store(args.out / "scenes", 1000, HELD_OUT_SEED), args.seed
    )
    if args.resume:
        run.resume()
    run.train(STAGES)
    print(run.export())


if __name__ == "__main__":
    main()
