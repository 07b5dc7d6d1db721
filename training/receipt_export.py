"""Writes `receipt-donut` as it ships: a folder that the transformers library's Donut classes read."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file

from training.receipt_learner import Learner
from training.receipt_tokens import write
from vit_attention.networks.receipt_donut import IMAGE_SIZE

# What DonutImageProcessor reads; resample 4 is the mean over a box, as the training pages were halved.
PROCESSOR = {
    "image_processor_type": "DonutImageProcessor",
    "processor_class": "DonutProcessor",
    "size": {"height": IMAGE_SIZE[0], "width": IMAGE_SIZE[1]},
    "do_align_long_axis": True,
    "do_resize": True,
    "do_thumbnail": True,
    "do_pad": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 4,
}


def export(learner: Learner, folder: Path) -> Path:
    """A learner's network in half precision, with configuration, tokenizer and image processor, as one model folder."""
    net = learner.net
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    del state["decoder.lm_head.weight"]  # it is the embedding table
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    net.config.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR, indent=2) + "\n")
    write(folder)
    return folder
