"""A tiny seeded vision transformer in a folder, so that other processes can load it too, and files of noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va


@pytest.fixture(scope="session")
def name(tmp_path_factory: pytest.TempPathFactory) -> str:
    from vit_attention import compat  # noqa: F401  (compat goes before transformers)

    import transformers  # isort: skip

    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        num_labels=3,
        initializer_range=0.5,
    )
    folder = tmp_path_factory.mktemp("tiny")
    transformers.ViTForImageClassification(config).eval().save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return f"hf:{folder}"


@pytest.fixture(scope="session")
def model(name: str) -> Any:
    return va.load(name)


def noise(seed: int, side: int = 40) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pictures of noise."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(12):
        noise(n).save(folder / f"{n:02d}.png")
    return folder
