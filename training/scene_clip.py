"""How `scene-clip` was made: `python -m training.scene_clip --out FOLDER`.

The vision tower starts from `scene-vit`, whose patches were taught which shape covers them; the text tower starts from
nothing. Supervised here: which texts are true of a picture. Where an object is, is never said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

import training.run
from training.run import ALL, arguments
from training.scene_captions import HELD_OUT_SEED, Store, store
from training.scene_clip_data import draw
from training.scene_clip_learner import SHARPEST, Learner, evaluate, losses, start
from training.scene_clip_tokens import build
from training.scene_vit import MEAN, STD
from vit_attention.networks.scene_vit import IMAGE_SIZE

PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"shortest_edge": IMAGE_SIZE},
    "resample": 3,  # bicubic, as CLIP's own
    "do_center_crop": True,
    "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [MEAN] * 3,
    "image_std": [STD] * 3,
}
"""What CLIPImageProcessor reads."""


@dataclass(frozen=True)
class Stage:
    """`steps` steps of `batch` scenes; the learning rate goes from `high` to `low` times its peak."""

    batch: int
    steps: int
    high: float
    low: float


class Run(training.run.Run):
    """The run of this model."""

    learner: Learner

    def __init__(self, out: Path, data: Store, held_out: Store, seed: int) -> None:
        torch.manual_seed(seed)
        learner = Learner().train()
        start(learner.net, np.array(data.pixels[:100]))
        super().__init__(out, learner)
        self.data, self.held_out, self.seed = data, held_out, seed
        self.rng = np.random.default_rng(seed)
        named = learner.net.named_parameters()
        self.optimisers = self.muon_and_adam([p for n, p in named if p.ndim == 2 and "embedding" not in n])

    def one(self, stage: Stage, rate: float) -> dict[str, Any]:
        """As every run: one batch of scenes with their texts."""
        loss, shown = losses(self.learner, *draw(self.rng, self.data, stage.batch))
        loss.backward()
        self.clip()
        self.apply(rate)
        with torch.no_grad():
            for scale in (self.learner.net.logit_scale, self.learner.patch_scale):
                scale.clamp_(max=float(np.log(SHARPEST)))
        self.counted()
        return shown

    def judge(self, stage: Stage, share: str) -> None:
        """Log what is named right, and where patches point, of scenes held out."""
        self.log({"held_out": evaluate(self.average.net, self.held_out, 1000 if share == ALL else 300)})

    def resume(self) -> None:
        """As every run, but not with the scenes of the beginning once more."""
        super().resume()
        self.rng = np.random.default_rng([self.seed, self.step])

    def export(self) -> Path:
        """Write the average network in half precision as a folder that the transformers library reads; returns it."""
        folder, net = self.out / "scene-clip", self.average.net
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: one.half().contiguous() for name, one in net.state_dict().items() if one.is_floating_point()}
        save_file(state, folder / "model.safetensors", {"format": "pt"})
        net.config.architectures = ["CLIPModel"]
        net.config.save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR, indent=2) + "\n")
        build().save_pretrained(folder)  # the one that training used would write down how it last padded
        return folder


# What the shipped weights went through, 23 core-minutes in all; the run was stopped and went on between the stages, and
# in the first the rate fell along the first third of a cosine that ends at 0.01.
STAGES = [Stage(batch=24, steps=500, high=0.5, low=0.38), Stage(batch=24, steps=350, high=0.38, low=0.01)]


def main() -> None:
    args = arguments(__doc__, 30_000)
    folder = args.out / "scenes"
    run = Run(args.out, store(folder, args.scenes), store(folder, 1000, HELD_OUT_SEED), args.seed)
    if args.resume:
        run.resume()
    run.train(STAGES)
    print(run.export())


if __name__ == "__main__":
    main()
