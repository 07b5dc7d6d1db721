"""Norm-based attention against its definition, computed in float64 from the weights of each family's modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import vit_attention as va
from tests.vit_attention.folders import HEADED, text_folder
from visualizer import methods
from visualizer.method.question import QuestionError, SignalError
from vit_attention.gate import GateError
from vit_attention.models.kept import _stacked
from vit_attention.records import AttentionMap, Axis
from worlds.scenes import scene

TEXT = "The soup was not good, the waiters slowed!"
ATTENTION = ("self_attention", "attention", "self_attn", "attn")
"""What blocks call their attention."""
VALUE = ("qkv", "Wqkv", "v_proj", "self.value", "value", "self.value_proj", "v_lin", "attn.v")
"""And what multiplies the tokens by W^V, with W^Q and W^K on top or alone."""
JOIN = ("out_proj", "o_proj", "output.dense", "dense", "out_lin", "proj", "Wo", "attn.o")


@contextmanager
def entering(part: nn.Module) -> Iterator[list[torch.Tensor]]:
    """What the attention of a block is given, in double precision."""
    heard: list[torch.Tensor] = []

    def hear(_part: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        heard.append(next(iter((*given, *named.values())))[0].detach().double())

    handle = part.register_forward_pre_hook(hear, with_kwargs=True)
    try:
        yield heard
    finally:
        handle.remove()


def makes_values(part: nn.Module) -> nn.Module:
    """The module that is given the tokens whose values are taken; norms of some families lie before it."""
    named = dict(part.named_modules())
    return part if isinstance(part, nn.MultiheadAttention) else next(named[name] for name in VALUE if name in named)


def transformed(part: nn.Module, x: torch.Tensor, heads: int) -> np.ndarray:
    """(heads, tokens, width) f(x) = (x W^V + b^V) W^O, head by head, of matrices found by the family's own names."""
    value, named = makes_values(part), dict(part.named_modules())
    if value is part:
        matrix, bias = part.in_proj_weight, part.in_proj_bias
    else:
        matrix, bias = value.weight, torch.zeros(len(value.weight)) if value.bias is None else value.bias
    joined = next(named[name] for name in JOIN if name in named).weight.double()
    matrix, bias = matrix[-joined.shape[1] :], bias[-joined.shape[1] :]
    width, out = len(matrix) // heads, []
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        vectors = x @ matrix[own].double().T + bias[own].double()
        out.append((vectors @ joined[:, own].T).detach().numpy())
    return np.stack(out)


def check(model: Any, given: Any, layer: int) -> None:
    """A row for one head and for all, and the mean of all rows."""
    block = model.anatomy.blocks[layer]
    part = next(getattr(block, name) for name in ATTENTION if hasattr(block, name))
    with entering(makes_values(part)) as heard:
        record = model.attend(given, keep=methods()["norms"].needs)
    one = record.maps[layer]
    calls = [n for n, other in enumerate(model.anatomy.blocks[: layer + 1]) if other is block]  # ALBERT has one block
    weights = one.weights.astype(np.float64)
    vectors = transformed(part, heard[len(calls) - 1], len(weights))
    vectors = vectors[:, -len(one.key) :]
    parts = weights[..., None] * vectors[:, None]  # (heads, queries, keys, width)
    wanted = np.linalg.norm(parts.sum(axis=0), axis=-1)
    method = methods()["norms"]
    np.testing.assert_allclose(method(record, query=1, layer=layer).row, wanted[1], rtol=1e-4)
    np.testing.assert_allclose(method(record, query="mean", layer=layer).row, wanted.mean(axis=0), rtol=1e-4)
    alone = np.linalg.norm(parts[1, 1], axis=-1)
    np.testing.assert_allclose(method(record, query=1, layer=layer, head=1).row, alone, rtol=1e-4)
    assert np.abs(wanted[1] / np.linalg.norm(parts[:, 1], axis=-1).sum(axis=0) - 1).max() > 1e-2  # no sum of norms


@pytest.mark.parametrize("name", ["scene-vit", "photo-dino", "scene-clip"])
def test_pictures_of_bundled_models(name: str) -> None:
    check(va.load(name), scene(7).picture, 1)


@pytest.mark.parametrize("family", HEADED)
def test_texts_of_every_family(tmp_path: Path, family: str) -> None:
    text_folder(tmp_path, family)
    check(va.load(f"hf:{tmp_path}"), TEXT, 2)


def test_texts_of_a_dual_encoder() -> None:
    model = va.load("scene-clip")
    record = model.attend("a red ring", keep=methods()["norms"].needs)
    assert methods()["norms"](record).row.shape == (len(record.maps[0].key),)


def test_a_vit_of_the_transformers_library(tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, image_size=32, patch_size=8
    )
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}}')
    check(va.load(f"hf:{tmp_path}"), scene(7).picture, 1)


@pytest.mark.parametrize("name", ["test_vit", "test_vit3"])
def test_networks_of_timm(tmp_path: Path, name: str) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, tmp_path / "a.safetensors")
    check(va.load(f"timm:{name}", weights=tmp_path / "a.safetensors"), Image.new("RGB", (99, 80), "teal"), 1)


def test_a_norm_before_the_projection_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = va.load("scene-vit")
    monkeypatch.setitem(model.anatomy.blocks[3].self_attention._modules, "norm", nn.LayerNorm(144))
    with pytest.raises(GateError, match="output projection: want nothing between it and the heads, got a LayerNorm"):
        model.attend(scene(7).picture, keep={"value-grams"})


def test_a_long_value_goes_before_a_large_weight_and_heads_may_cancel() -> None:
    model = va.load("scene-vit")
    record = model.attend(scene(7).picture, keep=methods()["norms"].needs, layers=[2])
    heads = len(record.maps[0].weights)
    opposed = np.zeros((1, 197, heads, heads), np.float32)
    opposed[0, :, 0, 0] = opposed[0, :, 1, 1] = 1
    opposed[0, :, 0, 1] = opposed[0, :, 1, 0] = -1  # f of the second head is the opposite of f of the first
    made = replace(record, signals={"value-grams": opposed})
    row = made.maps[0].weights[:, 5].astype(np.float64)
    found = methods()["norms"](made, query=5, layer=2).row
    np.testing.assert_allclose(found, np.abs(row[0] - row[1]), atol=1e-7)
    opposed[0, 9] *= 400
    assert methods()["norms"](made, query=5, layer=2, head=0).row[9] == pytest.approx(20 * row[0, 9])


def test_what_a_record_cannot_tell_is_said(tmp_path: Path) -> None:
    model, method = va.load("scene-vit"), methods()["norms"]
    plain = model.attend(scene(7).picture, layers=[0])
    with pytest.raises(SignalError, match="this record has no value-grams"):
        method(plain)
    record = model.attend(scene(7).picture, keep=method.needs, heads=[4, 2], layers=[0, 1])
    assert record.signals["value-grams"].shape == (2, 197, 12, 12)
    with pytest.raises(QuestionError, match="head: want one of 4, 2, as this record kept some heads only"):
        method(record)
    whole = model.attend(scene(7).picture, keep=method.needs)
    np.testing.assert_allclose(method(record, layer=1, head=2).row, method(whole, layer=1, head=2).row, rtol=1e-5)
    again = va.AttentionRecord.load(record.save(tmp_path / "a.npz"))
    np.testing.assert_array_equal(again.signals["value-grams"], record.signals["value-grams"])
    assert (method(again, layer=0, head=4).row == method(record, layer=0, head=4).row).all()
    for wrong in (np.ones((2, 197, 12)), np.ones((2, 197, 12, 4)), np.ones((2, 196, 12, 12)), np.ones((2, 197, 4, 4))):
        with pytest.raises(GateError, match="signal 'value-grams': want"):
            replace(record, signals={"value-grams": wrong.astype(np.float32)})


def test_its_memory_is_estimated_and_counts() -> None:
    model = va.load("scene-vit")
    more = model.estimate(keep={"value-grams"}) - model.estimate()
    assert more == 12 * 197 * 12 * 12 * 4
    record = model.attend(scene(7).picture, keep={"value-grams"})
    assert record.nbytes - replace(record, signals={}).nbytes == more


def test_layers_may_differ_in_their_heads() -> None:
    """Of pruned networks: what is not there is 0, and is not read."""
    one, other = np.ones((4, 2, 2), np.float32), np.ones((4, 3, 3), np.float32)
    found = _stacked([one, other])
    assert found.shape == (2, 4, 3, 3)
    np.testing.assert_array_equal(found[0, :, :2, :2], one)
    assert found[0].sum() == one.sum()
    axis = Axis.patches(1, 3, ("class",))
    maps = tuple(
        AttentionMap(np.full((heads, 4, 4), 0.25, np.float32), f"b.{n}", n, "self", axis, axis)
        for n, heads in enumerate((2, 3))
    )
    record = va.AttentionRecord(maps, signals={"value-grams": found})
    for layer, heads in enumerate((2, 3)):
        np.testing.assert_allclose(methods()["norms"](record, layer=layer).row, 0.25 * heads)
