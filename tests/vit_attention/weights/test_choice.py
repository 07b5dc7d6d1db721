"""One network of a file: what leads its names, several in one file, a replaced head, another picture size."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from vit_attention import compat  # noqa: F401  (before torchvision)
from vit_attention.weights.checkpoints import CheckpointError
from vit_attention.weights.positions import resized


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return {name: one.clone() for name, one in va.load("scene-vit").module.state_dict().items()}


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))


def loaded(tmp_path: Path, content: Any, key: str = "", name: str = "scene-vit") -> Any:
    torch.save(content, tmp_path / "file.pth")
    return va.load(name, weights=tmp_path / "file.pth", key=key)


def led(lead: str, state: dict[str, torch.Tensor], times: float = 1) -> dict[str, torch.Tensor]:
    return {f"{lead}{name}": one * times for name, one in state.items()}


@pytest.mark.parametrize("lead", ["module.", "_orig_mod.", "model.", "backbone.", "ema.", "model.module._orig_mod."])
def test_what_leads_all_names_is_understood(lead: str, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    model = loaded(tmp_path, led(lead, state))
    torch.testing.assert_close(model.module.class_token, state["class_token"])


def test_what_leads_only_some_names_is_not(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    mixed = {("module." if number % 2 else "") + name: one for number, (name, one) in enumerate(state.items())}
    with pytest.raises(CheckpointError, match=r"75 of 150 tensors missing .*, 77 unknown"):
        loaded(tmp_path, mixed)


def test_several_networks_are_named_and_taken_by_their_key(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    content = {
        "state_dict": state,
        "state_dict_ema": led("module.", state, 2),
        "args": Namespace(lr=0.1),  # of a training run, as timm's script writes it
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []},
    }
    with pytest.raises(CheckpointError, match=r"2 networks that fit \('state_dict', 'state_dict_ema.module'\).*key="):
        loaded(tmp_path, content)
    torch.testing.assert_close(loaded(tmp_path, content, "state_dict").module.class_token, state["class_token"])
    torch.testing.assert_close(loaded(tmp_path, content, "state_dict_ema").module.class_token, 2 * state["class_token"])
    with pytest.raises(CheckpointError, match=r"got 'teacher'\. .*holds state_dict \(152 tensors\), state_dict_ema"):
        loaded(tmp_path, content, "teacher")


def test_one_of_a_flat_file(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    content = {"state_dict": led("student.backbone.", state) | led("teacher.backbone.", state, 3)}
    found = loaded(tmp_path, content, "state_dict.teacher.backbone").module.class_token
    torch.testing.assert_close(found, 3 * state["class_token"])
    content["state_dict"]["teacher.backbone.class_token"] = torch.zeros(1)  # now only the student fits
    model = loaded(tmp_path, content)
    torch.testing.assert_close(model.module.class_token, state["class_token"])
    assert "the part 'state_dict.student.backbone' was taken" in model.notes[0]
    assert model.notes[0] in model.attend(picture(), layers=[0]).settings["notes"]


def test_a_key_without_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="key: want it beside weights="):
        va.load("scene-vit", key="ema")


@pytest.mark.parametrize("name", ["heads", "heads.1", "fc", "classifier.out"])
def test_a_replaced_head_is_found_by_its_shape(name: str, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    body = {k: one for k, one in state.items() if not k.startswith("heads")}
    torch.manual_seed(0)
    head = torch.nn.Linear(144, 3)
    model = loaded(tmp_path, body | {f"{name}.weight": head.weight.data, f"{name}.bias": head.bias.data})
    assert model.classes == ("class 0", "class 1", "class 2")
    assert "names no classes" in model.notes[0]
    tokens = torch.from_numpy(model.hidden_states(picture())[-1])
    expected = head(model.module.encoder.ln(tokens)[0])  # what the body makes, through the head that was saved
    np.testing.assert_allclose(model.attend(picture()).prediction.scores, expected.detach(), atol=1e-4)


def test_a_wrappers_own_head_is_found_beside_its_network(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    body = {k: one for k, one in state.items() if not k.startswith("heads")}
    assert len(loaded(tmp_path, led("backbone.", body) | {"head.weight": torch.zeros(4, 144)}).classes) == 4


def test_a_body_alone_tells_no_classes_apart(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    model = loaded(tmp_path, {k: one for k, one in state.items() if not k.startswith("heads")})
    assert model.classes == ()
    record = model.attend(picture())
    assert record.prediction.labels == ()
    assert any("holds no head" in note for note in record.settings["notes"])


@pytest.mark.parametrize(
    "rest",
    [
        {"a.weight": (3, 144), "b.weight": (3, 144)},
        {"heads.0.weight": (32, 144), "heads.2.weight": (3, 32)},
        {"head.weight": (3, 100)},
    ],
)
def test_heads_that_are_no_one_layer_are_named(
    rest: dict[str, Any], state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    body = {k: one for k, one in state.items() if not k.startswith("heads")}
    with pytest.raises(CheckpointError, match=rf"one linear layer of \(classes, 144\), got .*{next(iter(rest))}"):
        loaded(tmp_path, body | {name: torch.zeros(shape) for name, shape in rest.items()})


# --- positions -------------------------------------------------------------------------------------------------------


def test_positions_are_interpolated_as_torchvision_does_it() -> None:
    from torchvision.models.vision_transformer import interpolate_embeddings

    torch.manual_seed(0)
    table = torch.randn(1, 50, 8)
    own = interpolate_embeddings(384, 32, {"encoder.pos_embedding": table})["encoder.pos_embedding"]
    torch.testing.assert_close(resized(table[0], 1, (7, 7), (12, 12)), own[0])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from torchvision.models import vit_b_32

    torch.manual_seed(0)
    model = vit_b_32(image_size=384)
    model.heads = torch.nn.Linear(768, 5)
    # The names that torchvision's first files have.
    names = ((".mlp.0.", ".mlp.linear_1."), (".mlp.3.", ".mlp.linear_2."))
    state = model.state_dict()
    for new, old in names:
        state = {name.replace(new, old): one for name, one in state.items()}
    path = tmp_path_factory.mktemp("large") / "vit384.pth"
    torch.save(state, path)
    return path


def test_the_table_tells_the_size_that_a_file_was_trained_at(large: Path) -> None:
    model = va.load("vit-b-32", weights=large)
    record = model.attend(picture(), layers=[0])
    assert record.maps[0].key.grid == (12, 12)
    assert len(record.prediction.labels) == 5
    assert "384 x 384" in " ".join(record.settings["notes"])
    small = model.attend(picture(), size=(224, 256), layers=[0])
    assert small.maps[0].key.grid == (7, 8)
    assert "learned positions for 12 x 12 patches" in " ".join(small.settings["notes"])


def test_the_own_size_asked_for_is_what_the_module_does(state: dict[str, torch.Tensor]) -> None:
    from vit_attention.adapters.vit_anatomy import _at

    module = va.load("scene-vit").module
    pixels = torch.randn(1, 3, 112, 112)
    torch.testing.assert_close(_at(module, pixels, (14, 14), (14, 14)), module(pixels), atol=1e-5, rtol=0)


def test_a_table_of_no_square_is_refused(state: dict[str, torch.Tensor], tmp_path: Path, large: Path) -> None:
    bad = torch.load(large, weights_only=True)
    bad["encoder.pos_embedding"] = torch.zeros(1, 1 + 6 * 7, 768)
    with pytest.raises(CheckpointError, match=r"encoder\.pos_embedding: want \(1, 50, 768\), .*got \(1, 43, 768\)"):
        loaded(tmp_path, bad, name="vit-b-32")


def test_timm_at_another_size_and_with_another_head(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="the timm library is not installed: pip install timm")
    torch.manual_seed(0)
    own = timm.create_model("test_vit", pretrained=False, img_size=224, num_classes=0).eval()
    head = torch.nn.Linear(own.num_features, 4)
    content = led("model.", own.state_dict()) | {
        "model.head.1.weight": head.weight.data,
        "model.head.1.bias": head.bias.data,
    }
    model = loaded(tmp_path, content, name="timm:test_vit")
    pixels = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected = head(own(pixels))
        np.testing.assert_allclose(model.attend(pixels).prediction.scores, expected[0], atol=1e-4)
    assert "224 x 224" in " ".join(model.notes)
    other = model.attend(picture(), size=(160, 192))
    assert other.maps[0].key.grid == (10, 12)
    assert any("interpolated" in note for note in other.settings["notes"])
