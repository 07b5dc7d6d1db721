"""A similarity as the target, against finite differences, brute force and the networks' own last tokens."""

from __future__ import annotations

import copy
import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import vit_attention as va
from visualizer import methods
from vit_attention import compat  # noqa: F401
from worlds.scenes import scene

GRADIENT_METHODS = ("relevance", "gradient-rollout")


@pytest.fixture(scope="module")
def model() -> Any:
    return va.load("scene-vit")


@pytest.fixture(scope="module")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small DINOv2 without a head, with random weights large enough that tokens differ."""
    from transformers import Dinov2Config, Dinov2Model

    folder = tmp_path_factory.mktemp("dino")
    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8)
    network = Dinov2Model(config)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}, "do_center_crop": false}')
    return va.load(f"hf:{folder}")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return scene(24).picture


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "cat.png"
    scene(3).picture.save(path)
    return path


def last_tokens(dino: Any, picture: Any) -> NDArray[np.float64]:
    """(tokens, width) as transformers gives them, class token first."""
    with torch.no_grad():
        found = dino.module(pixel_values=dino.prepare(picture).pixels).last_hidden_state
    return found[0].numpy().astype(np.float64)


def cosine(one: NDArray[Any], two: NDArray[Any]) -> float:
    return float(one @ two / np.sqrt((one @ one) * (two @ two)))


def noted(record: va.AttentionRecord) -> float:
    """The cosine that the notes of a record tell."""
    return next(
        float(found[1]) for note in record.settings["notes"] if (found := re.search(r"cosine (-?[\d.]+)\.", note))
    )


def test_the_similarity_is_that_of_the_networks_own_last_tokens(dino: Any, picture: Image.Image, other: Path) -> None:
    """4 x 4 patches: patch (1, 2) is token 7, patch (3, 0) token 13."""
    here, there = last_tokens(dino, picture), last_tokens(dino, other)
    wanted = {
        va.Similar(to=(1, 2)): (here[0], here[7]),
        va.Similar(to=np.array([1, 2]).tolist(), token=(3, 0)): (here[13], here[7]),
        va.Similar(to="class", token=(3, 0)): (here[13], here[0]),
        va.Similar(to=other): (here[0], there[0]),
        va.Similar(to=str(other), patch=(3, 0)): (here[0], there[13]),
        va.Similar(to=str(other), patch=(3, 0), token=(1, 2)): (here[7], there[13]),
    }
    for target, pair in wanted.items():
        assert noted(dino.attend(picture, target=target)) == pytest.approx(cosine(*pair), abs=6e-4), target
    for given in (Image.open(other), np.asarray(Image.open(other)), other.read_bytes()):
        found = dino.attend(picture, target=va.Similar(to=given, patch=(3, 0)))
        assert noted(found) == pytest.approx(cosine(here[0], there[13]), abs=6e-4)
        assert found.settings["target"] == "similar:another picture@3,0"


def test_final_tokens_are_normed(model: Any, picture: Image.Image) -> None:
    kept: list[Tensor] = []
    pixels = model.prepare(picture).pixels
    handle = model.module.encoder.register_forward_hook(lambda *args: kept.append(args[2]))
    found = model.final_tokens(pixels)
    handle.remove()
    torch.testing.assert_close(found, kept[0])


def after(network: Any, tokens: Tensor, weights: Tensor, layer: int) -> Tensor:
    """The final tokens of scene-vit if one layer used these weights: the layer by hand, the later ones and the norm by torch."""
    block = network.encoder.layers[layer]
    attention, width = block.self_attention, tokens.shape[-1]
    normed = block.ln_1(tokens)
    values = normed @ attention.in_proj_weight[2 * width :].T + attention.in_proj_bias[2 * width :]
    heads = values.reshape(len(values), len(weights), -1).transpose(0, 1)
    mixed = (weights @ heads).transpose(0, 1).reshape(len(values), width)
    tokens = tokens + attention.out_proj(mixed)
    tokens = (tokens + block.mlp(block.ln_2(tokens)))[None]
    for later in network.encoder.layers[layer + 1 :]:
        tokens = later(tokens)
    return network.encoder.ln(tokens)[0]


@pytest.mark.parametrize(("layer", "token"), [(11, None), (9, None), (11, (3, 4)), (9, (3, 4))])
def test_gradients_are_finite_differences(model: Any, picture: Image.Image, layer: int, token: Any) -> None:
    """In double precision, with what is compared with left as it was."""
    target = va.Similar(to=(6, 8), token=token)
    record = model.attend(picture, target=target, keep={"gradients", "hidden"})
    network = copy.deepcopy(model.module).double()
    entering = torch.from_numpy(record.signals["hidden"][layer]).double()
    weights = torch.from_numpy(record.maps[layer].weights).double()
    row = 0 if token is None else 1 + 3 * 14 + 4
    with torch.no_grad():
        fixed = after(network, entering, weights, layer)[1 + 6 * 14 + 8].numpy()
        assert cosine(after(network, entering, weights, layer)[row].numpy(), fixed) == pytest.approx(
            noted(record), abs=6e-4
        )
        # Heads, asking tokens and keys; the asking token of the last layer alone reaches the score.
        for at in ((0, row, 0), (3, row, 93), (7, row, 20), (5, 93, 40), (2, 150, row)):
            slopes = []
            for step in (1e-4, -1e-4):
                moved = weights.clone()
                moved[at] += step
                slopes.append(cosine(after(network, entering, moved, layer)[row].numpy(), fixed))
            wanted = (slopes[0] - slopes[1]) / 2e-4
            found = float(record.maps[layer].gradient[at])
            assert found == pytest.approx(wanted, rel=2e-3, abs=1e-6), at
            assert (wanted != 0) == (layer < 11 or at[1] == row)


@pytest.mark.parametrize("fixed", [True, False])
def test_occlusion_covers_by_hand_with_the_reference_of_the_whole_picture(
    dino: Any, picture: Image.Image, fixed: bool
) -> None:
    """Compared with what the uncovered patch was; with the covered picture's own patch the falls would be others."""
    pixels = dino.prepare(picture).pixels
    with torch.no_grad():
        whole = dino.module(pixel_values=pixels).last_hidden_state[0].numpy().astype(np.float64)
        wanted = np.zeros((4, 4))
        for row in range(4):
            for column in range(4):
                covered = pixels.clone()
                for channel in range(3):
                    covered[0, channel, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = pixels[0, channel].mean()
                tokens = dino.module(pixel_values=covered).last_hidden_state[0].numpy().astype(np.float64)
                wanted[row, column] = cosine(whole[0], whole[7]) - cosine(tokens[0], (whole if fixed else tokens)[7])
    record = dino.attend(picture, target="similar:1,2", keep=methods()["occlusion"].needs)
    found = methods()["occlusion"](record)
    assert np.allclose(found.values, wanted, atol=1e-5) == fixed
    assert (found.words, found.unit, found.signed) == (
        "fall of the similarity of the class token to patch (1, 2) when covered",
        "cosine similarity",
        True,
    )
    assert not record.has("gradients")


@pytest.mark.parametrize("target", ["similar:1,2", "similar@3,0:1,2"])
def test_methods_start_from_the_token_that_is_asked_about(dino: Any, picture: Image.Image, target: str) -> None:
    record = dino.attend(picture, target=target, keep=methods()["relevance"].needs)
    row = 13 if "@" in target else 0
    steps = [np.maximum(one.weights * one.gradient, 0).mean(axis=0) for one in record.maps]
    wanted = ((np.eye(17) + steps[1]) @ (np.eye(17) + steps[0]))[row]
    found = methods()["relevance"](record)
    np.testing.assert_allclose(found.row, wanted, rtol=1e-4, atol=1e-6)
    who = "patch (3, 0)" if row else "the class token"
    assert found.words == f"relevance from layer 1 for the similarity of {who} to patch (1, 2)"
    assert found.patches == ((12,) if row else ())
    rolled = np.eye(17)
    for one in record.maps:
        step = np.maximum((one.weights * one.gradient).mean(axis=0), 0) + np.eye(17)
        rolled = step / step.sum(axis=1, keepdims=True) @ rolled
    np.testing.assert_allclose(methods()["gradient-rollout"](record).row, rolled[row], rtol=1e-4, atol=1e-6)


def test_models_with_classes_take_a_similarity_too(model: Any, picture: Image.Image) -> None:
    record = model.attend(picture, target=va.Similar(to=(6, 8)))
    assert record.prediction.labels == model.classes
    assert (record.prediction.asked, record.settings["target"]) == ("similar:6,8", "similar:6,8")
    ring = model.attend(picture, target="ring")
    assert ring.prediction.asked == "ring"
    assert np.abs(record.gradients[5] - ring.gradients[5]).max() > 1e-6
    assert methods()["relevance"](ring).words == "relevance from layer 1 for the class ring, asked by the class token"


def test_a_model_without_classes_says_what_to_ask(dino: Any, picture: Image.Image) -> None:
    for name in (*GRADIENT_METHODS, "occlusion"):
        with pytest.raises(
            va.GateError, match=r"target: want a similarity, such as similar:6,8 .*, got none. .* no classes"
        ):
            dino.attend(picture, keep=methods()[name].needs)
        said = methods()[name].unfit(dino.attend(picture))
        assert (
            said
            == 'needs a class, and this model names none; a similarity can be asked about instead: target="similar:6,8"'
        )
        assert methods()[name].unfit(dino.attend(picture, target="similar:1,2")) == ""
    with pytest.raises(va.GateError, match="got 'star'"):
        dino.attend(picture, target="star")
    with pytest.raises(va.GateError, match="got 0"):
        dino.attend(picture, target=0)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("similar:4,0", "target: want a patch from 0,0 to 3,3 .*, got 4,0"),
        ("similar@0,4:1,1", "target: want a patch from 0,0 to 3,3 .*, got 0,4"),
        ("similar:scene-3@0,9", "target: want a patch from 0,0 to 3,3 .*, got 0,9"),
        ("similar:missing.png", "missing.png: want an existing file"),
        (va.Similar(to=b"no picture"), "picture"),
        (va.Similar(to=object()), "picture"),
        ("similar:", "target: want similar:ROW,COLUMN or similar:PICTURE"),
        ("similar@x:1,1", "target: token: want row and column"),
    ],
)
def test_what_cannot_be_compared_is_refused(dino: Any, picture: Image.Image, target: Any, why: str) -> None:
    with pytest.raises(va.GateError, match=why):
        dino.attend(picture, target=target)


def test_tokens_without_a_direction_are_refused(
    dino: Any, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dino, "anatomy", replace(dino.anatomy, norm=torch.zeros_like))
    with pytest.raises(va.GateError, match="target: want tokens with a direction, got one of length 0"):
        dino.attend(picture, target="similar:1,2")


def test_the_callers_mode_and_threads_change_nothing(dino: Any, picture: Image.Image, other: Path) -> None:
    target = va.Similar(to=other, patch=(3, 0))
    wanted = dino.attend(picture, target=target).gradients
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = dino.attend(picture, target=target).gradients
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    several: list[Any] = []
    threads = [
        threading.Thread(target=lambda: several.append(dino.attend(picture, target=target).gradients)) for _ in range(3)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(several) == 3
    np.testing.assert_allclose(several[2], wanted, atol=1e-6)
    assert all(one.grad is None and not one.requires_grad for one in dino.module.parameters())


def test_many_pictures_have_the_gradients_of_each_alone_and_another_picture_passes_once(dino: Any, other: Path) -> None:
    names, passes = ["scene-1", "scene-2", "scene-3"], []
    handle = dino.module.register_forward_hook(lambda *_: passes.append(1))
    many = list(dino.attend_many(names, batch=2, target=va.Similar(to=other)))
    handle.remove()
    assert len(passes) == 1 + 2
    for target in (va.Similar(to=other), va.Similar(to=(1, 2))):
        many = list(dino.attend_many(names, batch=2, target=target))
        for name, one in zip(names, many, strict=True):
            alone = dino.attend(name, target=target)
            np.testing.assert_allclose(one.gradients, alone.gradients, atol=1e-6)
            assert one.settings == alone.settings


def test_a_class_may_be_called_like_a_similarity() -> None:
    assert va.Similar.named("similar:6,8", ["similar:6,8"]) is None
    assert va.Similar.named("similar:6,8", ["star"]) == va.Similar(to=(6, 8))
    assert va.Similar.named(6, []) is None


def test_a_record_about_a_similarity_survives_a_bundle(
    dino: Any, picture: Image.Image, other: Path, tmp_path: Path
) -> None:
    made = dino.attend(picture, target=va.Similar(to=other, patch=(3, 0), token=(1, 2)))
    path = made.save(tmp_path / "a.npz")
    again = va.AttentionRecord.load(path)
    assert again.prediction.target == va.Similar(to="cat.png", patch=(3, 0), token=(1, 2))
    assert str(other.parent).encode() not in path.read_bytes()
    assert (repr(again), again.settings) == (repr(made), made.settings)
    assert "about similar@1,2:cat.png@3,0" in repr(again)
    np.testing.assert_array_equal(methods()["relevance"](again).row, methods()["relevance"](made).row)
