"""How `scene-aoanet` was made: `python -m training.scene_aoanet --out FOLDER`.

First the convolutional network learns every cell's shape and colour, then the captioner learns on it, then both at once.
Supervised: the words of the caption and, as an auxiliary loss, every cell (which shape and which colour cover it, if
any). Attention is never supervised: no loss knows where a word should look.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from training.muon import Muon
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
        return self.low + (self.high - self.low) * 0.5 * (1 + math.cos(math.pi * step / (self.over or self.steps)))


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
        self.all: list[tuple[torch.optim.Optimizer, float]] = [
            *((Muon(ps, 3e-3), 3e-3 * share) for share, ps in muon.items()),
            *((torch.optim.AdamW(ps, 2e-3, betas=(0.9, 0.98), weight_decay=0.01), 2e-3 * share) for share, ps in adam.items()),
        ]  # fmt: skip

    def step(self, rate: float) -> None:
        for p, view in self.flat:
            view.grad = None if p.grad is None else p.grad.flatten(1)
        for optimiser, peak in self.all:
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
            optimiser.step()


class Run:
    """One training run: its optimisers, average weights, log and checkpoint."""

    def __init__(self, out: Path, data: Store, held_out: Store, seed: int) -> None:
        torch.manual_seed(seed)
        self.out, self.data, self.held_out, self.seed = out, data, held_out, seed
        self.rng = np.random.default_rng(seed)
        self.learner = Learner()
        self.average = copy.deepcopy(self.learner).requires_grad_(False)
        self.optimisers: Optimisers | None = None
        self.step = 0
        self.start = time.process_time()

    def train(self, stages: list[Stage], warm_up: int = 100) -> None:
        first = 0
        for stage in stages:
            done = max(0, self.step - first)
            if done < stage.steps:
                self._stage(stage, done, warm_up)
            first += stage.steps
        self._log({"held_out": self._evaluate(stages[-1], 1000)})
        self.save()

    def _stage(self, stage: Stage, done: int, warm_up: int) -> None:
        self.optimisers = Optimisers(self.learner, stage)
        if done:
            self._restore_optimisers()
        self.learner.train()
        if stage.cnn == 0:
            self.learner.net.cnn.eval()
        for i in range(done, stage.steps):
            shown = self._one(stage, stage.rate(i) * min(1, (i + 1) / warm_up))
            if self.step % 25 == 0:
                self._log({k: round(v, 4) for k, v in shown.items()})
            if self.step % 250 == 0:
                self._log({"held_out": self._evaluate(stage, 500)})
                self.save()

    def _evaluate(self, stage: Stage, limit: int) -> dict[str, float]:
        found = evaluate_cells(self.average, self.held_out, limit)
        return {**found, **evaluate_captions(self.average, self.held_out, limit)} if stage.captions else found

    def _one(self, stage: Stage, rate: float) -> dict[str, float]:
        loss, shown = losses(
            self.learner, batch(self.rng, self.data, stage.batch), see=stage.cnn > 0, say=stage.captions
        )
        loss.backward()
        assert self.optimisers is not None
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        self.optimisers.step(rate)
        for p in self.learner.parameters():
            p.grad = None
        self.step += 1
        decay = min(0.998, (1 + self.step) / (20 + self.step))
        for mean, now in zip(self.average.state_dict().values(), self.learner.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now.detach(), 1 - decay)
        return shown

    def _log(self, what: dict) -> None:
        line = json.dumps({"step": self.step, "core_seconds": round(time.process_time() - self.start), **what})
        print(line, flush=True)
        with (self.out / "log.jsonl").open("a") as log:
            log.write(line + "\n")

    def save(self) -> None:
        """Write everything a later run needs to go on, whole or not at all."""
        state = {
            "step": self.step, "learner": self.learner.state_dict(), "average": self.average.state_dict(),
            "optimisers": [o.state_dict() for o, _ in self.optimisers.all] if self.optimisers else [],
        }  # fmt: skip
        torch.save(state, self.out / "checkpoint.tmp")
        (self.out / "checkpoint.tmp").replace(self.out / "checkpoint.pt")

    def export(self) -> Path:
        """Write the average network in half precision, as it ships; returns the file."""
        path = self.out / "scene-aoanet.safetensors"
        state = self.average.net.state_dict()
        save_file({k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}, path)
        return path

    def resume(self) -> None:
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.step = state["step"]
        self.rng = np.random.default_rng([self.seed, self.step])  # not the scenes of the beginning once more
        self.learner.load_state_dict(state["learner"])
        self.average.load_state_dict(state["average"])

    def _restore_optimisers(self) -> None:
        assert self.optimisers is not None
        saved = torch.load(self.out / "checkpoint.pt", weights_only=True)["optimisers"]
        for (optimiser, _), state in zip(self.optimisers.all, saved, strict=True):
            optimiser.load_state_dict(state)


# What the shipped weights went through, 20 core-minutes in all.
STAGES = [
    Stage(batch=48, steps=900, high=1.0, low=0.2, cnn=1.0, captions=False),
    Stage(batch=48, steps=1100, high=1.0, low=0.3, cnn=0.0, captions=True, over=1500),
    Stage(batch=32, steps=300, high=0.4, low=0.02, cnn=0.3, captions=True),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for scenes, log and checkpoints")
    parser.add_argument("--scenes", type=int, default=48_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    run = Run(
        args.out, store(args.out / "scenes", args.scenes), store(args.out / "scenes", 1000, HELD_OUT_SEED), args.seed
    )
    if args.resume:
        run.resume()
    run.train(STAGES)
    print(run.export())


if __name__ == "__main__":
    main()
