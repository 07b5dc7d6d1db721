"""Every family against its own library's eager attention, through files as strangers would have them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import vit_attention as va
from vit_attention import compat  # noqa: F401
from vit_attention.models.cards import BUNDLED
from vit_attention.models.model import BudgetError
from vit_attention.records import AttentionRecord
from vit_attention.weights.checkpoints import CheckpointError
from worlds.scenes import scene
from worlds.shapes import NAMES

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
FAMILIES: dict[str, tuple[str, str, dict[str, Any], tuple[str, ...]]] = {
    "vit": ("ViTConfig", "ViTForImageClassification", {}, ("class",)),
    "deit": ("DeiTConfig", "DeiTForImageClassificationWithTeacher", {}, ("class", "distillation")),
    "dinov2": ("Dinov2Config", "Dinov2Model", {}, ("class",)),
    "registers": (
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        {"num_register_tokens": 3},
        ("class", "register 1", "register 2", "register 3"),
    ),
    "beit": ("BeitConfig", "BeitForImageClassification", {"use_relative_position_bias": True}, ("class",)),
}


def picture(seed: int = 0, size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any, tuple[str, ...]]:
    """A saved tiny model of one family, the same model with eager attention, and its special tokens."""
    import transformers

    config_name, class_name, extra, special = FAMILIES[request.param]
    torch.manual_seed(0)
    config = getattr(transformers, config_name)(**TINY, **extra)
    model = getattr(transformers, class_name)(config).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    path = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(path)
    processor = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
    (path / "preprocessor_config.json").write_text(json.dumps(processor))
    eager = getattr(transformers, class_name).from_pretrained(path, attn_implementation="eager").eval()
    return path, eager, special


@pytest.mark.parametrize("folder", FAMILIES, indirect=True)
def test_weights_equal_the_librarys_own_eager_ones(folder: tuple[Path, Any, tuple[str, ...]]) -> None:
    path, eager, special = folder
    model = va.load(f"hf:{path}")
    record = model.attend(picture())
    pixels = model.anatomy.prepare(picture(), None).pixels
    with torch.no_grad():
        expected = eager(pixel_values=pixels, output_attentions=True).attentions
    assert len(record.maps) == len(expected) == 2
    for mine, theirs in zip(record.maps, expected, strict=True):
        np.testing.assert_allclose(mine.weights, theirs[0].numpy(), atol=1e-5)
        assert mine.query.special == special
        assert mine.query.grid == (4, 4)
    assert record.residual is not None
    assert record.residual < 1e-4
    assert model.patch_filters().shape == (32, 3, 8, 8)
    assert model.hidden_states(picture()).shape == (3, len(special) + 16, 32)


@pytest.mark.parametrize("folder", ["vit", "deit", "dinov2", "registers"], indirect=True)
def test_larger_and_oblong_inputs(folder: tuple[Path, Any, tuple[str, ...]]) -> None:
    path, _, special = folder
    model = va.load(f"hf:{path}")
    record = model.attend(picture(), size=(24, 48))
    assert record.maps[0].query.grid == (3, 6)
    assert record.maps[0].weights.shape == (4, len(special) + 18, len(special) + 18)
    assert record.geometry is not None
    np.testing.assert_allclose(record.geometry.to_original([[48, 24]]), [[60, 40]])
    pixels = torch.randn(1, 3, 29, 51)
    cut = model.attend(pixels)  # as the library's convolution does, the last pixels are left out
    assert cut.maps[0].query.grid == (3, 6)
    assert cut.geometry is not None
    assert cut.geometry.seen == (48, 24)
    assert any("the patches cover 48 x 24" in note for note in cut.settings["notes"])
    with pytest.raises(
        ValueError, match=r"multiples of the patch, 8 x 8 pixels, such as \(24, 48\) or \(32, 56\), got"
    ):
        model.attend(picture(), size=(29, 51))
    with pytest.raises(ValueError, match="want at least one patch of 8 x 8 pixels"):
        model.attend(picture(), size=(7, 48))


@pytest.mark.parametrize("folder", ["vit"], indirect=True)
def test_preprocessing_equals_the_librarys_own(folder: tuple[Path, Any, tuple[str, ...]]) -> None:
    from transformers import ViTImageProcessor

    path, _, _ = folder
    theirs = ViTImageProcessor.from_pretrained(path)(picture(size=(64, 64)), return_tensors="pt")["pixel_values"]
    mine = va.load(f"hf:{path}").anatomy.prepare(picture(size=(64, 64)), None).pixels
    assert float((mine - theirs).abs().max()) < 1 / 128


RECIPES = {
    "both sides, then crop": {
        "size": {"height": 40, "width": 48},
        "do_center_crop": True,
        "crop_size": {"height": 32, "width": 32},
    },
    "shorter side, then crop": {
        "size": {"shortest_edge": 40},
        "do_center_crop": True,
        "crop_size": {"height": 32, "width": 32},
    },
    "both sides": {"size": {"height": 32, "width": 32}},
}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("folder", ["dinov2"], indirect=True)
def test_recipes_of_other_processors(folder: tuple[Path, Any, tuple[str, ...]], recipe: str, tmp_path: Path) -> None:
    """A smooth oblong picture, so that different bilinear filters agree and only size and place can differ."""
    import shutil

    from transformers import BitImageProcessor

    for file in folder[0].iterdir():
        shutil.copy(file, tmp_path / file.name)
    settings = {
        "do_resize": True,
        "do_center_crop": False,
        **RECIPES[recipe],
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    y, x = np.mgrid[:90, :150]
    smooth = Image.fromarray(
        np.stack([x * 255 // 150, y * 255 // 90, (x + y) % 256], axis=-1).astype(np.uint8)[:, :, [0, 1, 1]]
    )
    theirs = BitImageProcessor(**settings)(smooth, return_tensors="pt")["pixel_values"]
    mine = va.load(f"hf:{tmp_path}").anatomy.prepare(smooth, None).pixels
    assert float((mine - theirs).abs().max()) < 1 / 128


@pytest.mark.parametrize("folder", ["vit"], indirect=True)
def test_gradients_equal_those_of_the_eager_model(folder: tuple[Path, Any, tuple[str, ...]]) -> None:
    path, eager, _ = folder
    model = va.load(f"hf:{path}")
    record = model.attend(picture(), target=1)
    out = eager(pixel_values=model.anatomy.prepare(picture(), None).pixels, output_attentions=True)
    expected = torch.autograd.grad(out.logits[0, 1], out.attentions)
    for mine, theirs in zip(record.gradients, expected, strict=True):
        np.testing.assert_allclose(mine, theirs[0].numpy(), atol=1e-5)
    assert all(p.grad is None for p in model.module.parameters())


def test_a_folder_of_another_family_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ValueError, match=r"want one of the families vit, deit, .*bert"):
        va.load(f"hf:{tmp_path}")
    with pytest.raises(ValueError, match="or a hub id such as owner"):
        va.load("hf:../../etc/passwd/x/y")
    with pytest.raises(ValueError, match="want one of scene-vit"):
        va.load("resnet50")


def test_an_unreachable_hub_is_a_clear_message() -> None:
    from vit_attention.weights.download import DownloadError

    with pytest.raises(DownloadError, match="load it with hf:FOLDER"):
        va.load("hf:nobody/nothing")


# --- torchvision -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded ViT-B/32 (the smallest published architecture) with a random head, as torch.save writes it."""
    from torchvision.models import vit_b_32

    torch.manual_seed(0)
    model = vit_b_32()
    torch.nn.init.normal_(model.heads.head.weight, std=0.02)  # torchvision starts it at zero: no logits, no gradients
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    torch.save(model.state_dict(), path)
    return path


def test_torchvision_weights_from_a_file(checkpoint: Path) -> None:
    from torchvision.models import vit_b_32

    model = va.load("vit-b-32", weights=checkpoint)
    record = model.attend(picture(size=(300, 260)), layers=[0, 11])
    assert [m.weights.shape for m in record.maps] == [(12, 50, 50)] * 2
    assert model.classes[0] == "tench"
    twin = vit_b_32().eval()
    twin.load_state_dict(torch.load(checkpoint, weights_only=True))
    with torch.no_grad():
        pixels = model.anatomy.prepare(picture(size=(300, 260)), None).pixels
        np.testing.assert_allclose(record.prediction.scores, twin(pixels)[0].numpy(), atol=1e-4)
        first = twin.encoder.layers[0]
        tokens = twin._process_input(pixels)
        tokens = torch.cat([twin.class_token, tokens], dim=1) + twin.encoder.pos_embedding
        inside = first.ln_1(tokens)
        _, expected = first.self_attention(inside, inside, inside, average_attn_weights=False)
    np.testing.assert_allclose(record.maps[0].weights, expected[0].numpy(), atol=1e-5)
    with pytest.raises(ValueError, match="want multiples of the patch, 32 x 32 pixels, such as"):
        model.attend(picture(), size=(250, 224))
    with pytest.raises(BudgetError, match="Choose layers="):
        model.attend(picture(), budget=1000)


def test_misfits_are_told_in_words(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"have another shape; first: .*want \(.*\), got \("):
        va.load("vit-b-16", weights=checkpoint)
    with pytest.raises(CheckpointError, match="want an existing file"):
        va.load("vit-b-32", weights=tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("these are weights")
    with pytest.raises(CheckpointError, match="cannot be read"):
        va.load("vit-b-32", weights=tmp_path / "text.pth")
    cut = tmp_path / "cut.pth"
    cut.write_bytes(checkpoint.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        va.load("vit-b-32", weights=cut)
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of this model"):
        va.load("scene-vit", weights=tmp_path / "other.safetensors")


class Evil:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "gotcha")


def test_a_checkpoint_that_holds_code_is_refused_and_not_run(tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    torch.save({"heads.head.weight": Evil(bait)}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="refused: it holds more than tensors"):
        va.load("scene-vit", weights=tmp_path / "evil.pth")
    assert not bait.exists()


# --- the bundled model -----------------------------------------------------------------------------------------------


def test_the_bundled_network_is_torchvisions() -> None:
    """The same weights in torchvision's own class give the same scores."""
    from functools import partial

    from torchvision.models.vision_transformer import VisionTransformer

    from vit_attention.networks import scene_vit as ours

    twin = VisionTransformer(
        image_size=ours.IMAGE_SIZE,
        patch_size=ours.PATCH_SIZE,
        num_layers=ours.LAYERS,
        num_heads=ours.HEADS,
        hidden_dim=ours.WIDTH,
        mlp_dim=ours.MLP_WIDTH,
        num_classes=12,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    ).eval()
    model = va.load("scene-vit")
    twin.load_state_dict(model.module.state_dict())
    pixels = model.anatomy.prepare(scene(3).picture, None).pixels
    with torch.no_grad():
        torch.testing.assert_close(model.module(pixels), twin(pixels), atol=1e-5, rtol=0)


def test_the_bundled_model_loads_without_torchvision() -> None:
    import subprocess
    import sys

    program = "import sys, vit_attention as va; va.load('scene-vit'); assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).resolve().parents[3])


def test_the_card_tells_the_size_of_what_ships() -> None:
    card, model = va.card("scene-vit"), va.load("scene-vit")
    assert card.parameters == sum(p.numel() for p in model.module.parameters())
    assert card.megabytes * 1e6 == pytest.approx((BUNDLED / "scene-vit.safetensors").stat().st_size, rel=0.01)
    assert card.megabytes <= 6


def test_classes_are_the_worlds_shapes() -> None:
    assert va.load("scene-vit").classes == NAMES


def test_the_bundled_model_sees_what_is_there() -> None:
    model = va.load("scene-vit")
    made = [scene(seed) for seed in range(40)]
    right = sum(
        model.attend(s.picture, layers=[11]).prediction.top(1)[0][0] in {t.shape for t in s.things} for s in made
    )
    assert right >= 32  # the README's figure comes from 1000 scenes; this only catches a broken file


def test_record_size_and_precision() -> None:
    record = va.load("scene-vit").attend(scene(1).picture)
    assert record.nbytes <= 25e6
    half = va.load("scene-vit").attend(scene(1).picture, half=True)
    assert half.nbytes <= 12e6
    np.testing.assert_allclose(half.maps[5].weights.astype(np.float32), record.maps[5].weights, atol=1e-3)
    assert record.maps[0].weights.shape == (12, 197, 197)
    assert record.norms.shape == (12, 197)


def test_eight_threads_each_with_its_own_picture() -> None:
    model = va.load("scene-vit")
    pictures = [scene(seed).picture for seed in range(8)]

    def attend(number: int) -> AttentionRecord:
        target = number if number % 2 else None  # half of them with gradients
        return model.attend(pictures[number], target=target)

    alone = [attend(number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(attend, [*range(8), *range(8)]))
    for number, record in enumerate(together):
        for mine, expected in zip(record.maps, alone[number % 8].maps, strict=True):
            np.testing.assert_allclose(mine.weights, expected.weights, atol=1e-5)
            if expected.gradient is not None and mine.gradient is not None:
                scale = float(np.abs(expected.gradient).max())
                np.testing.assert_allclose(mine.gradient, expected.gradient, atol=1e-3 * max(scale, 1e-3))


def test_targets_by_name_and_number() -> None:
    model = va.load("scene-vit")
    by_name, by_number = (model.attend(scene(3).picture, target=t, layers=[5]) for t in ("star", NAMES.index("star")))
    np.testing.assert_array_equal(by_name.gradients[0], by_number.gradients[0])
    with pytest.raises(ValueError, match="want a class name or a number"):
        model.attend(scene(3).picture, target="cat")
    with pytest.raises(ValueError, match="want gradients"):
        _ = model.attend(scene(3).picture, layers=[5]).gradients


# --- weights of one's own for a folder -------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["as version 5 has them", "as both write them", "in a wrapper", "sharded .bin"])
@pytest.mark.parametrize("folder", FAMILIES, indirect=True)
def test_a_folder_with_weights_of_a_file(folder: tuple[Path, Any, tuple[str, ...]], names: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path, eager, _ = folder
    state = eager.state_dict() if names == "as version 5 has them" else load_file(path / "model.safetensors")
    if names == "in a wrapper":
        state = {f"_orig_mod.model.{name}": one for name, one in state.items()}
    file = tmp_path / "mine.pth"
    torch.save(state, file)
    if names == "sharded .bin":
        half = len(state) // 2
        parts = {f"pytorch_model-0000{n}-of-00002.bin": list(state)[half * (n - 1) : half * n or None] for n in (1,)}
        parts["pytorch_model-00002-of-00002.bin"] = list(state)[half:]
        for shard, own in parts.items():
            torch.save({name: state[name] for name in own}, tmp_path / shard)
        file = tmp_path / "pytorch_model.bin.index.json"
        file.write_text(json.dumps({"weight_map": {name: shard for shard, own in parts.items() for name in own}}))
    plain, mine = (va.load(f"hf:{path}", weights=given).attend(picture()) for given in (None, file))
    for one, other in zip(plain.maps, mine.maps, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(plain.prediction.scores, mine.prediction.scores)


@pytest.mark.parametrize("folder", ["vit", "beit"], indirect=True)
def test_a_folder_with_another_head_or_none(folder: tuple[Path, Any, tuple[str, ...]], tmp_path: Path) -> None:
    path, eager, _ = folder
    body = {name: one for name, one in eager.state_dict().items() if not name.startswith("classifier")}
    torch.save(
        body | {"classifier.1.weight": torch.zeros(5, 32), "classifier.1.bias": torch.arange(5.0)}, tmp_path / "a"
    )
    record = va.load(f"hf:{path}", weights=tmp_path / "a").attend(picture())
    assert record.prediction.labels == tuple(f"class {number}" for number in range(5))
    np.testing.assert_allclose(record.prediction.scores, range(5))
    torch.save({name.removeprefix("vit.").removeprefix("beit."): one for name, one in body.items()}, tmp_path / "b")
    bare = va.load(f"hf:{path}", weights=tmp_path / "b")
    assert bare.classes == ()
    assert "holds no head" in bare.notes[0]


@pytest.mark.parametrize("folder", ["vit"], indirect=True)
def test_a_folder_with_a_table_of_another_size(folder: tuple[Path, Any, tuple[str, ...]], tmp_path: Path) -> None:
    path, eager, _ = folder
    state = eager.state_dict()
    state["vit.embeddings.position_embeddings"] = torch.zeros(1, 1 + 36, 32)
    torch.save(state, tmp_path / "a.pth")
    model = va.load(f"hf:{path}", weights=tmp_path / "a.pth")
    assert "48 x 48 pixels" in model.notes[0]
    assert model.attend(picture(), size=(48, 48)).maps[0].key.grid == (6, 6)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("folder", ["dinov2"], indirect=True)
def test_folders_in_half_precision(
    folder: tuple[Path, Any, tuple[str, ...]], kind: torch.dtype, tmp_path: Path
) -> None:
    type(folder[1]).from_pretrained(folder[0], dtype=kind).save_pretrained(tmp_path)
    record = va.load(f"hf:{tmp_path}").attend(picture())
    assert record.residual is not None
    assert record.residual < 1e-4
