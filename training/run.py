"""What every training run shares: averaged weights, its log, its checkpoint, and its command line."""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.muon import Muon

Optimiser = tuple[torch.optim.Optimizer, float]
"""An optimiser and the peak of its learning rate."""


SOME, ALL = "some", "all"
"""How much of what was held out is judged."""


def cosine(high: float, low: float, along: float) -> float:
    """From `high` at 0 to `low` at 1 along half a cosine.

    >>> cosine(1.0, 0.5, 0), cosine(1.0, 0.5, 1)
    (1.0, 0.5)
    """
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * along))


class Run:
    """A learner with the average of its weights, which is what ships.

    Attributes:
        step: steps done so far.
    """

    def __init__(self, out: Path, learner: nn.Module) -> None:
        self.out, self.learner = out, learner
        self.average: Any = copy.deepcopy(learner).requires_grad_(False)
        self.optimisers: Sequence[Optimiser] = ()
        self.saved: list[dict[str, Any]] = []
        self.step = 0
        self.start = time.process_time()

    def muon_and_adam(self, blocks: list[nn.Parameter]) -> list[Optimiser]:
        """Muon for the matrices `blocks`, AdamW for all else."""
        rest = [p for p in self.learner.parameters() if not any(p is b for b in blocks)]
        adam = torch.optim.AdamW(rest, 2e-3, betas=(0.9, 0.98), weight_decay=0.01)
        return [(Muon(blocks, 3e-3), 3e-3), (adam, 2e-3)]

    def train(self, stages: Sequence[Any], warm_up: int = 150) -> None:
        """All stages, from where the run stands: each has `steps` and the rates `high` and `low` it goes between."""
        first = 0
        for stage in stages:
            for i in range(max(0, self.step - first), stage.steps):
                rate = cosine(stage.high, stage.low, i / stage.steps)
                shown = self.one(stage, rate * min(1, (self.step + 1) / warm_up))
                if self.step % 50 == 0:
                    self.log(shown)
                if self.step % 500 == 0:
                    self.judge(stage, SOME)
                    self.save()
            first += stage.steps
        self.judge(stages[-1], ALL)
        self.save()

    def one(self, stage: Any, rate: float) -> dict[str, Any]:
        """Do one step at `rate` times the peak learning rates; what to log of it."""
        raise NotImplementedError

    def judge(self, stage: Any, share: str) -> None:
        """Log how the averaged weights do on `SOME` or `ALL` of what was held out."""
        raise NotImplementedError

    def apply(self, rate: float) -> None:
        """One step of every optimiser at `rate` times its peak; what has no gradient stays."""
        for optimiser, peak in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
            optimiser.step()

    def clip(self) -> None:
        """Make the gradient no longer than 1."""
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)

    def counted(self) -> None:
        """The end of a step: gradients go, and the average takes in the weights, slowly after the first steps."""
        for p in self.learner.parameters():
            p.grad = None
        self.step += 1
        decay = min(0.998, (1 + self.step) / (20 + self.step))
        # Not by state_dict: it lists a table that two layers share twice.
        for mean, now in zip(_tensors(self.average), _tensors(self.learner), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now.detach(), 1 - decay)

    def log(self, what: dict[str, Any]) -> None:
        """Print a line of JSON and keep it in the folder."""
        line = json.dumps({"step": self.step, "core_seconds": round(time.process_time() - self.start), **what})
        print(line, flush=True)
        with (self.out / "log.jsonl").open("a") as log:
            log.write(line + "\n")

    def save(self) -> None:
        """Write everything a later run needs to go on, whole or not at all."""
        state = {
            "step": self.step,
            "learner": self.learner.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [o.state_dict() for o, _ in self.optimisers],
        }
        torch.save(state, self.out / "checkpoint.tmp")
        (self.out / "checkpoint.tmp").replace(self.out / "checkpoint.pt")

    def resume(self) -> None:
        """Go on from the folder's checkpoint; optimisers that are made later take their states with `restore`."""
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.step, self.saved = state["step"], state["optimisers"]
        self.learner.load_state_dict(state["learner"])
        self.average.load_state_dict(state["average"])
        if self.optimisers:
            self.restore()

    def restore(self) -> None:
        """Give the optimisers the states of the checkpoint."""
        for (optimiser, _), state in zip(self.optimisers, self.saved, strict=True):
            optimiser.load_state_dict(state)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]


def arguments(about: str | None, pages: int, what: str = "scenes", **more: tuple[int, str]) -> argparse.Namespace:
    """What the command was told; the folder is made and torch's threads are set.

    Args:
        about: the module's docstring.
        pages: how many `what` to draw unless told otherwise.
        more: further options that are whole numbers: name to default and help.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {what}, log and checkpoints")
    parser.add_argument(f"--{what}", type=int, default=pages)
    for name, (default, text) in more.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=text)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    return args
