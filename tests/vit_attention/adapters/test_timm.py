"""Networks of the timm library by name, with weights of a file or of a hub's stand-in, against timm itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vit_attention as va
from tests.vit_attention.capture import families
from visualizer import class_rollout, methods, rollout

timm = pytest.importorskip("timm", reason="the timm library is not installed: pip install timm")


def saved(tmp_path: Path, name: str, **options: Any) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, **options).eval()
    path = tmp_path / f"{name}.safetensors"
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path)
    return path, model


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 260, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["test_vit", "test_vit2", "test_vit3", "test_vit4"])
def test_pixels_prediction_and_maps_are_those_of_timm(name: str, tmp_path: Path, picture: Image.Image) -> None:
    path, own = saved(tmp_path, name)
    model = va.load(f"timm:{name}", weights=path)
    config = timm.data.resolve_model_data_config(own)
    pixels = timm.data.create_transform(**config, is_training=False)(picture)[None]
    torch.testing.assert_close(model.anatomy.prepare(picture, None).pixels, pixels, atol=2 / 128, rtol=0)
    with torch.no_grad(), families.dropout_inputs(_eager(own), ("attn_drop",)) as weights:
        scores = own(pixels)
    record = model.attend(picture)
    np.testing.assert_allclose(record.prediction.scores, scores[0], atol=1e-2)
    assert len(record.layers) == len(own.blocks)
    for one, expected in zip(record.layers, weights, strict=False):
        np.testing.assert_allclose(one, expected[0], atol=1e-3)  # the pictures differ by rounding
    assert record.maps[0].key.prefix == own.num_prefix_tokens
    assert record.maps[0].key.grid == tuple(own.patch_embed.grid_size)
    assert record.prediction.labels[:2] == ("tench, Tinca tinca", "goldfish, Carassius auratus")
    assert rollout(record.layers).shape == (len(record.maps[0].key),) * 2


def _eager(module: torch.nn.Module) -> torch.nn.Module:
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False
    return module


def test_tokens_are_named_as_timm_orders_them(tmp_path: Path, picture: Image.Image) -> None:
    path, _ = saved(tmp_path, "deit_tiny_distilled_patch16_224")
    special = (
        va.load("timm:deit_tiny_distilled_patch16_224", weights=path).attend(picture, layers=[0]).maps[0].key.special
    )
    assert special == ("class", "distillation")


def test_a_replaced_head_is_found_by_its_shape(tmp_path: Path, picture: Image.Image) -> None:
    path, _ = saved(tmp_path, "test_vit", num_classes=7)
    assert va.load("timm:test_vit", weights=path).classes == tuple(f"class {n}" for n in range(7))
    path, _ = saved(tmp_path, "test_vit", num_classes=0)
    record = va.load("timm:test_vit", weights=path).attend(picture)
    assert record.prediction.labels == ()
    assert class_rollout(record.layers).shape == (len(record.maps[0].key),)


def small_siglip(pretrained: bool = False, **options: Any) -> torch.nn.Module:
    """A network under a name of its own, registered with timm as people register theirs: no class token, a pool behind."""
    given = {name: value for name, value in options.items() if name in families.SMALL}
    return timm.models.VisionTransformer(**{**families.SMALL, "class_token": False, "global_pool": "map", **given})


def register_siglip() -> None:
    if not timm.is_model("small_siglip"):
        small_siglip.__module__ = "timm.models.vision_transformer"
        timm.models.register_model(small_siglip)


def test_a_pool_is_a_map_of_its_own_and_rollout_goes_without_it(tmp_path: Path, picture: Image.Image) -> None:
    register_siglip()
    path, _ = saved(tmp_path, "small_siglip")
    record = va.load("timm:small_siglip", weights=path).attend(picture, target=1)
    assert [(one.kind, one.weights.shape) for one in record.maps] == [("self", (4, 16, 16))] * 2 + [
        ("cross", (4, 1, 16))
    ]
    assert rollout(record.layers).shape == (16, 16)
    assert [one.shape for one in record.gradients] == [(4, 16, 16)] * 2


def test_tokens_are_compared_after_timms_own_norm_whatever_pools_them(tmp_path: Path, picture: Image.Image) -> None:
    """SigLIP's pool has a map, which does not move the tokens that are compared; and there is no class token to compare."""
    register_siglip()
    for name in ("test_vit", "small_siglip"):
        path, own = saved(tmp_path, name)
        model = va.load(f"timm:{name}", weights=path)
        record = model.attend(picture, target="similar@1,2:0,0")
        with torch.no_grad():
            tokens = own.forward_features(model.prepare(picture).pixels)[0]
        first = own.num_prefix_tokens
        asked = first + own.patch_embed.grid_size[1] + 2
        wanted = torch.nn.functional.cosine_similarity(tokens[asked], tokens[first], dim=0)
        assert f"cosine {float(wanted):.3f}" in record.settings["notes"][-1]
        assert methods()["relevance"](record).row[asked] >= 1
    assert record.maps[-1].gradient is not None
    assert not record.maps[-1].gradient.any()
    with pytest.raises(va.GateError, match="target: want a patch, as there is no class token"):
        model.attend(picture, target="similar:0,0")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("timm:test_vitt", "want a network that timm .* knows, such as test_vit"),
        ("timm:test_convnext", "want a plain vision transformer"),
        ("timm:", "want one of scene-vit"),
    ],
)
def test_what_cannot_be_loaded_says_what_can(name: str, why: str, tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "test_convnext")
    with pytest.raises(ValueError, match=why):
        va.load(name, weights=path)


def test_one_channel_and_a_border_that_no_patch_sees(tmp_path: Path, picture: Image.Image) -> None:
    path, _ = saved(tmp_path, "test_vit", in_chans=1)
    record = va.load("timm:test_vit", weights=path).attend(picture, layers=[0])
    assert "made grey" in record.settings["notes"][-1]

    def bordered(pretrained: bool = False, **options: Any) -> torch.nn.Module:
        given = {name: value for name, value in options.items() if name in families.SMALL}
        return timm.models.VisionTransformer(**{**families.SMALL, "img_size": 160, "patch_size": 48, **given})

    bordered.__module__, bordered.__name__ = "timm.models.vision_transformer", "test_vit_bordered"
    timm.models.register_model(bordered)
    path, _ = saved(tmp_path, "test_vit_bordered")
    record = va.load("timm:test_vit_bordered", weights=path).attend(picture, layers=[0])
    assert record.maps[0].key.grid == (3, 3)
    assert record.geometry is not None
    assert record.geometry.seen == (144, 144)


def test_blocks_with_other_tokens_are_refused(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "cait_xxs24_224", depth=1)
    with pytest.raises(ValueError, match="blocks of the same tokens"):
        va.load("timm:cait_xxs24_224", weights=path)


def test_dinov2s_own_file_with_registers_is_read_as_timm_reads_it(tmp_path: Path) -> None:
    name = "vit_small_patch14_reg4_dinov2"
    torch.manual_seed(0)
    own = timm.create_model(name, pretrained=False, img_size=28)
    state = dict(own.state_dict())
    state["register_tokens"] = state.pop("reg_token")
    state["pos_embed"] = torch.cat([torch.randn(1, 1, 384), state["pos_embed"]], dim=1)
    state["mask_token"] = torch.zeros(1, 384)
    torch.save(state, tmp_path / "published.pth")
    expected = timm.models.vision_transformer.checkpoint_filter_fn(dict(state), own)
    found = va.load(f"timm:{name}", weights=tmp_path / "published.pth")
    assert found.attend(Image.new("RGB", (28, 28))).maps[0].key.prefix == 5
    for part in ("cls_token", "reg_token", "pos_embed"):
        torch.testing.assert_close(found.module.state_dict()[part], expected[part])


def test_what_masked_training_leaves_beside_the_network_is_left_out_and_told(tmp_path: Path) -> None:
    path, own = saved(tmp_path, "test_vit")
    extra = {"decoder_pos_embed": torch.zeros(1, 4, 8), "blocks.0.attn.relative_position_index": torch.zeros(3, 3)}
    torch.save({**own.state_dict(), **extra, "mask_token": torch.zeros(1, 1, 8)}, path.with_suffix(".pth"))
    notes = va.load("timm:test_vit", weights=path.with_suffix(".pth")).notes
    assert any("decoder_pos_embed" in note for note in notes)


def test_names_of_another_library_are_recognised(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "test_vit")
    with pytest.raises(ValueError, match="Its names are those of timm: load it with timm:NAME"):
        va.load("vit-b-32", weights=path)
