"""How `scene-vit` was made: `python -m training.scene_vit --out FOLDER`.

A plain linear patch embedding, windows of 7 x 7 patches first (six times as many pictures a second), then whole scenes.
Supervised: the class token (which shapes are in the picture) and, as an auxiliary loss, every patch (which shape covers
it, if any). Attention is never supervised.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

import training.run
from training.run import ALL, arguments
from training.scene_data import HELD_OUT_SEED, Batch, Store, batch, store
from training.scene_vit_forward import convolutional_start, forward
from vit_attention.networks.scene_vit import SceneViT
from worlds.shapes import NAMES

MEAN, STD = 0.5, 0.25
DEEP = 6  # the block after which patches are asked for their class as well


@dataclass(frozen=True)
class Stage:
    """`steps` steps on windows of `cells` patches a side; the learning rate goes from `high` to `low` times its peak.

    With `sharp`, only the patches that an object fills best carry its class; else every patch does, by its coverage.
    """

    cells: int
    batch: int
    steps: int
    high: float
    low: float
    patch_weight: float
    sharp: bool = True


class Learner(nn.Module):
    """The network plus the patch classifiers that exist only while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.net = SceneViT(len(NAMES))
        net: Any = self.net
        width = net.hidden_dim
        self.patch_head = nn.Linear(width, len(NAMES) + 1)
        self.deep_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(NAMES) + 1))
        nn.init.trunc_normal_(self.net.conv_proj.weight, std=0.1)
        nn.init.trunc_normal_(net.heads.head.weight, std=0.02)
        for block in net.encoder.layers:
            nn.init.normal_(block.self_attention.out_proj.weight, std=0.04)
        convolutional_start(self.net)


def to_tensor(pixels: np.ndarray, gain: Tensor | None = None) -> Tensor:
    """(batch, side, side, 3) uint8 to (batch, 3, side, side) float, normalised as the model wants it."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    return ((x if gain is None else x * gain) - MEAN) / STD


def patch_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of soft patch labels, weighted patch by patch."""
    return (
        F.cross_entropy(logits.flatten(0, 1).float(), target.flatten(0, 1), reduction="none") * weight.flatten()
    ).mean()


def losses(learner: Learner, made: Batch, patch_weight: float) -> tuple[Tensor, dict[str, float]]:
    gain = 0.75 + 0.5 * torch.rand(len(made.pixels), 1, 1, 1)
    with torch.autocast("cpu", torch.bfloat16):
        tokens, deep = forward(learner.net, to_tensor(made.pixels, gain), made.place, DEEP)
        image = learner.net.heads(tokens[:, 0])
        assert deep is not None
        last, middle = learner.patch_head(tokens[:, 1:]), learner.deep_head(deep[:, 1:])
    target = torch.from_numpy(made.patches)
    image_target = torch.from_numpy(made.image)
    seen = image_target.sum(dim=1) > 0
    class_loss = F.cross_entropy(image.float()[seen], image_target[seen])
    weight = torch.from_numpy(made.weight)
    near, far = patch_loss(middle, target, weight), patch_loss(last, target, weight)
    right = (image_target.gather(1, image.argmax(1, keepdim=True)) > 0).float().mean()
    shown = {"class": class_loss.item(), "patch": far.item(), "deep": near.item(), "top1": right.item()}
    return class_loss + patch_weight * (far + 0.5 * near), shown


@torch.no_grad()
def evaluate(learner: Learner, data: Store, limit: int = 400) -> dict[str, float]:
    """Top-1 (any object), both of two, and how often the class token's last head-mean map points at an object."""
    tokens = torch.cat(
        [forward(learner.net, to_tensor(np.asarray(data.pixels[i : i + 50])), (0, 0))[0] for i in range(0, limit, 50)]
    )
    order = learner.net.heads(tokens[:, 0]).argsort(dim=1, descending=True).numpy()
    classes = data.classes[:limit]
    two = classes[:, 1] >= 0
    both = [set(o[:2]) == set(c) for o, c in zip(order[two], classes[two], strict=True)]
    return {"top1": float((order[:, :1] == classes).any(axis=1).mean()), "both": float(np.mean(both))}


class Run(training.run.Run):
    """The run of this model."""

    learner: Learner

    def __init__(self, out: Path, data: Store, held_out: Store, seed: int) -> None:
        torch.manual_seed(seed)
        super().__init__(out, Learner().train())
        self.data, self.held_out, self.rng = data, held_out, np.random.default_rng(seed)
        self.optimisers = self.muon_and_adam(
            [p for n, p in self.learner.named_parameters() if p.ndim == 2 and "encoder.layers" in n]
        )

    def one(self, stage: Stage, rate: float) -> dict[str, Any]:
        """As every run: one batch of windows or scenes."""
        made = batch(self.rng, self.data, stage.batch, stage.cells, stage.sharp)
        loss, shown = losses(self.learner, made, stage.patch_weight)
        loss.backward()
        self.clip()
        self.apply(rate)
        self.counted()
        return {"cells": stage.cells, **shown}

    def judge(self, stage: Stage, share: str) -> None:
        """Log what is named right of scenes held out."""
        self.log({"held_out": evaluate(self.average, self.held_out, 1000 if share == ALL else 400)})

    def export(self) -> Path:
        """Write the average network in half precision, as it ships; returns the file."""
        path = self.out / "scene-vit.safetensors"
        save_file({k: v.half().contiguous() for k, v in self.average.net.state_dict().items()}, path)
        return path


# What the shipped weights went through, 75 core-minutes in all: patch labels were sharpened on the way.
STAGES = [
    Stage(cells=7, batch=48, steps=3000, high=1.0, low=0.7, patch_weight=2.0, sharp=False),
    Stage(cells=14, batch=12, steps=1000, high=0.7, low=0.66, patch_weight=2.0, sharp=False),
    Stage(cells=14, batch=12, steps=500, high=0.66, low=0.61, patch_weight=2.0),
    Stage(cells=14, batch=12, steps=500, high=0.61, low=0.54, patch_weight=5.0),
    Stage(cells=14, batch=12, steps=2500, high=0.42, low=0.02, patch_weight=5.0),
]


def main() -> None:
    args = arguments(__doc__, 60_000)
    run = Run(
        args.out, store(args.out / "scenes", args.scenes), store(args.out / "scenes", 1000, HELD_OUT_SEED), args.seed
    )
    if args.resume:
        run.resume()
    run.train(STAGES)
    print(run.export())


if __name__ == "__main__":
    main()
