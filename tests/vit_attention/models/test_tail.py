"""What lies behind the last block, on its own: for every family it makes of the last tokens what the whole pass made of the input."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import vit_attention as va
from tests.vit_attention.capture import families
from tests.vit_attention.folders import HEADED, dual_folder, picture, text_folder
from visualizer import methods
from vit_attention.capture import listening

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
    "num_labels": 5,
}
HF = {
    "vit": ("ViTConfig", "ViTForImageClassification", {}),
    "deit": ("DeiTConfig", "DeiTForImageClassification", {}),
    "deit with teacher": ("DeiTConfig", "DeiTForImageClassificationWithTeacher", {}),
    "dinov2": ("Dinov2Config", "Dinov2ForImageClassification", {}),
    "registers": (
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersForImageClassification",
        {"num_register_tokens": 3},
    ),
    "beit": ("BeitConfig", "BeitForImageClassification", {"use_relative_position_bias": True}),
    "beit, class token": ("BeitConfig", "BeitForImageClassification", {"use_mean_pooling": False}),
}
TIMM = {
    **{name: (made, {}) for name, (made, options) in families.TIMM.items() if name not in ("CaiT", "Swin", "MViTv2")},
    "mean of patches": ("vit_tiny_patch16_224", {"global_pool": "avg", "fc_norm": True}),
}
TEXT = "The soup was not good, the waiters slowed!"
WORD_HEADS = [*((family, {}) for family in HEADED), ("modernbert", {"classifier_pooling": "mean"})]


def hf(folder: Path, name: str) -> Any:
    import transformers

    config, kind, extra = HF[name]
    torch.manual_seed(0)
    made = getattr(transformers, kind)(getattr(transformers, config)(**TINY, **extra)).eval()
    for one in made.parameters():
        nn.init.normal_(one, std=0.2)
    made.save_pretrained(folder)
    said = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    return va.load(f"hf:{folder}")


def timm_model(folder: Path, name: str) -> Any:
    """A small network under a name of its own, registered with timm as people register theirs."""
    timm = pytest.importorskip("timm", reason="the timm library is not installed: pip install timm")
    torch.manual_seed(0)
    called, (whose, more) = "".join(letter for letter in f"tail_{name}".lower() if letter.isalnum()), TIMM[name]

    def made(pretrained: bool = False, **options: Any) -> nn.Module:
        given = {key: one for key, one in options.items() if key in families.SMALL}
        found: nn.Module = timm.create_model(whose, pretrained=False, **{**families.SMALL, **more, **given})
        return found

    if not timm.is_model(called):
        made.__name__, made.__module__ = called, "timm.models.vision_transformer"
        timm.models.register_model(made)
    network = timm.create_model(called).eval()
    for one in network.parameters():
        nn.init.normal_(one, std=0.2)
    save_file({key: one.contiguous() for key, one in network.state_dict().items()}, folder / "weights.safetensors")
    return va.load(f"timm:{called}", weights=folder / "weights.safetensors")


def check(model: Any, given: Any) -> None:
    """Scores of the last tokens alone, also from eight threads; and a module in which nothing has changed."""
    batch = model._together([model.prepare(given)] * 2)
    last: list[torch.Tensor] = []
    with torch.inference_mode(), listening(list(dict.fromkeys(model.anatomy.blocks)), lambda one: last.append(one)):
        wanted = model._forward(batch)
    before = attributes(model.module)

    def scores(_: int) -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = model.anatomy.tail(last[-1])
        return found

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(scores, range(8)):
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert attributes(model.module) == before
    with torch.inference_mode():
        other = model.anatomy.tail(last[-1].flip(-1))
    assert not torch.allclose(other, wanted, atol=1e-3)  # it does read the tokens


def check_runs(model: Any, given: Any) -> None:
    """Runs that read what lies behind the blocks have numbers for every layer and token of every family."""
    names = ("legrad", "decision-flow", "logit-lens")
    needs = frozenset().union(*(methods()[name].needs for name in names))
    record = model.attend(given, target=1, keep=needs)
    depth, tokens = len(model.anatomy.blocks), len(model.axis_of(model.prepare(given)))
    for name, shape in zip(names, ((depth, tokens), (depth, tokens), (depth + 1, 5, tokens)), strict=True):
        found = record.signals[name]
        assert found.shape == shape
        assert np.isfinite(found).all()
        assert np.ptp(found[-1]) > 0
        assert np.isfinite(methods()[name](record).row).any()


def attributes(module: nn.Module) -> list[Any]:
    """Every attribute of every part, by identity, and its hooks' numbers."""
    return [
        (name, sorted((key, id(one)) for key, one in part.__dict__.items()), sorted(map(id, part.parameters())))
        for name, part in module.named_modules()
    ]


@pytest.mark.parametrize("name", HF)
def test_classifiers_of_transformers(tmp_path: Path, name: str) -> None:
    model = hf(tmp_path, name)
    check(model, picture())
    check_runs(model, picture())


@pytest.mark.parametrize("name", TIMM)
def test_classifiers_of_timm(tmp_path: Path, name: str) -> None:
    model = timm_model(tmp_path, name)
    check(model, picture())
    check_runs(model, picture())


def test_the_bundled_classifier() -> None:
    check(va.load("scene-vit"), "scene-7")


@pytest.mark.parametrize(("family", "more"), WORD_HEADS)
def test_classifiers_of_texts(tmp_path: Path, family: str, more: dict[str, Any]) -> None:
    text_folder(tmp_path, family, **more)
    model = va.load(f"hf:{tmp_path}")
    check(model, TEXT)
    check_runs(model, TEXT)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_labels_of_dual_encoders(tmp_path: Path, family: str) -> None:
    dual_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}").about(["red ring", "blue square", "soup"])
    check(model, picture())
    check_runs(model, picture())
