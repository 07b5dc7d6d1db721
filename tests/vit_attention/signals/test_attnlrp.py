"""AttnLRP and CP-LRP against relevance handed back by the written rules, function by function, in double precision."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

import vit_attention as va
from tests.vit_attention.folders import HEADED, dual_folder, picture, text_folder
from tests.vit_attention.signals import tiny_vits as tiny
from visualizer import methods
from vit_attention.capture import Rules
from vit_attention.gate import GateError

NAMES = ("attnlrp", "cp-lrp")
Array = NDArray[np.float64]


def handed_back(weight: Array, given: Array, out: Array, relevance: Array) -> Array:
    """Of a linear layer: every input has the share of an output that it makes up (equation 8); the bias keeps its own."""
    return given * ((relevance / out) @ weight)


class Block:
    """One pre-norm block written out: what it computes, and by the rules of the paper what it hands back."""

    def __init__(self, module: Any, heads: int) -> None:
        self.w = {name: one.numpy() for name, one in module.state_dict().items()}
        self.heads = heads

    def norm(self, name: str, x: Array) -> tuple[Array, Array, Array]:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = self.w[f"{name}.weight"] / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6)
        return centred * scale + self.w[f"{name}.bias"], centred, scale

    def norm_back(self, x: Array, parts: tuple[Array, Array, Array], relevance: Array) -> Array:
        """The standard deviation is a constant (proposition 3.4), what is left a linear layer."""
        out, centred, scale = parts
        width = x.shape[-1]
        centre = np.eye(width) - 1 / width
        return handed_back(centre, x, centred, centred * scale * relevance / out)

    def split(self, x: Array) -> Array:
        return x.reshape(len(x), self.heads, -1).swapaxes(0, 1)

    def forward(self, x: Array) -> Array:
        self.x, self.first = x, self.norm("ln_1", x)
        self.packed = self.first[0] @ self.w["self_attention.in_proj_weight"].T + self.w["self_attention.in_proj_bias"]
        self.q, self.k, self.v = (self.split(one) for one in np.split(self.packed, 3, axis=-1))
        self.scores = self.q @ self.k.swapaxes(1, 2) / np.sqrt(self.q.shape[-1])
        powers = np.exp(self.scores)
        self.a = powers / powers.sum(axis=-1, keepdims=True)
        self.mixed = self.a @ self.v
        self.joined = self.mixed.swapaxes(0, 1).reshape(x.shape)
        self.projected = (
            self.joined @ self.w["self_attention.out_proj.weight"].T + self.w["self_attention.out_proj.bias"]
        )
        self.middle = x + self.projected
        self.second = self.norm("ln_2", self.middle)
        self.inner = self.second[0] @ self.w["mlp.0.weight"].T + self.w["mlp.0.bias"]
        self.bent = F.gelu(torch.from_numpy(self.inner)).numpy()
        self.added = self.bent @ self.w["mlp.3.weight"].T + self.w["mlp.3.bias"]
        self.out = self.middle + self.added
        return self.out

    def back(self, relevance: Array, hold_softmax: bool) -> Array:
        inner = handed_back(self.w["mlp.3.weight"], self.bent, self.added, relevance * self.added / self.out)
        # GELU: what comes out of one number is that number's (equation 9).
        normed = handed_back(self.w["mlp.0.weight"], self.second[0], self.inner, inner)
        middle = relevance * self.middle / self.out + self.norm_back(self.middle, self.second, normed)
        projected = middle * self.projected / self.middle
        joined = handed_back(self.w["self_attention.out_proj.weight"], self.joined, self.projected, projected)
        packed = self.attention_back(self.split(joined), hold_softmax)
        normed = handed_back(self.w["self_attention.in_proj_weight"], self.first[0], self.packed, packed)
        return middle * self.x / self.middle + self.norm_back(self.x, self.first, normed)

    def attention_back(self, relevance: Array, hold_softmax: bool) -> Array:
        share = relevance / self.mixed / (1 if hold_softmax else 2)  # half for the weights, half for the values
        value = self.v * (self.a.swapaxes(1, 2) @ share)
        weights = self.a * (share @ self.v.swapaxes(1, 2))
        scores = self.scores * (weights - self.a * weights.sum(axis=-1, keepdims=True))  # proposition 3.1
        share = scores / self.scores / 2 / np.sqrt(self.q.shape[-1])
        query, key = self.q * (share @ self.k), self.k * (share.swapaxes(1, 2) @ self.q)
        found = (0 * query, 0 * key, value) if hold_softmax else (query, key, value)
        return np.concatenate([one.swapaxes(0, 1).reshape(self.joined.shape) for one in found], axis=-1)


def by_the_rules(module: Any, pixels: Tensor, target: int, hold_softmax: bool) -> Array:
    """(layers + 1, tokens) relevance, by hand."""
    entering: list[Tensor] = []
    handle = module.encoder.layers[0].register_forward_pre_hook(lambda _, given: entering.append(given[0]))
    module(pixels)
    handle.remove()
    x, blocks = entering[0][0].numpy(), [Block(one, 2) for one in module.encoder.layers]
    for block in blocks:
        x = block.forward(x)
    last = Block(module.encoder, 2)
    final = last.norm("ln", x)
    head, bias = module.heads.head.weight.numpy()[target], module.heads.head.bias.numpy()[target]
    relevance = np.zeros_like(x)
    relevance[0] = final[0][0] * head  # the score is their sum and the bias
    assert relevance.sum() + bias == pytest.approx(float(module(pixels)[0, target]))
    relevance = last.norm_back(x, final, relevance)
    stages = [relevance.sum(axis=-1)]
    for block in reversed(blocks):
        relevance = block.back(relevance, hold_softmax)
        stages.append(relevance.sum(axis=-1))
    return np.stack(stages[::-1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_relevance_is_what_the_rules_hand_back(name: str, seed: int) -> None:
    module, pixels = tiny.network(3, seed=seed), tiny.pixels()
    record = tiny.model(module).attend(pixels, target=1, keep=methods()[name].needs)
    wanted = by_the_rules(module, pixels, 1, name == "cp-lrp")
    np.testing.assert_allclose(record.signals[name], wanted, atol=2e-6 * np.abs(wanted).max())
    found = methods()[name](record, query="class")
    np.testing.assert_array_equal(found.row, record.signals[name][0])
    np.testing.assert_array_equal(found.values, record.signals[name][0, 1:].reshape(4, 4))
    np.testing.assert_array_equal(methods()[name](record, start_layer=2).row, record.signals[name][2])
    assert found.signed
    assert f"{wanted[0].sum():.2f} of the score {float(module(pixels)[0, 1]):.2f}" in found.words


def test_the_pass_is_as_without_rules_and_its_weights_are_proved() -> None:
    module, pixels = tiny.network(dtype=torch.float32), tiny.pixels(dtype=torch.float32)
    plain = tiny.model(module).attend(pixels)
    for name in NAMES:
        record = tiny.model(module).attend(pixels, target=2, keep=methods()[name].needs)
        np.testing.assert_allclose(record.prediction.scores, plain.prediction.scores, rtol=1e-6, atol=1e-6)
        assert record.residual is not None
        assert record.residual < 1e-5
        for mine, theirs in zip(record.maps, plain.maps, strict=True):
            np.testing.assert_allclose(mine.weights, theirs.weights, atol=1e-6)
        assert record.settings["notes"] == plain.settings["notes"]


def test_several_at_once_are_each_alone() -> None:
    """Two runs, two pictures: each run has a pass of its own."""
    model, both = tiny.model(tiny.network()), tiny.pixels(2)
    asked, _ = model.asked(target=0, keep=methods()["attnlrp"].needs | methods()["cp-lrp"].needs)
    together = [*model.attend_ready([model.prepare(both[:1]), model.prepare(both[1:])], asked)]
    for n, record in enumerate(together):
        for name in NAMES:
            alone = model.attend(both[n : n + 1], target=0, keep=methods()[name].needs)
            np.testing.assert_allclose(record.signals[name], alone.signals[name], rtol=1e-5, atol=1e-8)


# --- rules of single functions: what comes out is handed back whole --------------------------------------------------

SPELLED: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu, by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu, tanh written out": lambda x: 0.5 * x * (1.0 + torch.tanh(0.8 * (x + 0.044715 * torch.pow(x, 3.0)))),
    "gelu, erf written out": lambda x: x * 0.5 * (1.0 + torch.erf(x / 1.4142)),
    "quick gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": F.silu,
    "relu": F.relu,
    "relu, in place": lambda x: F.relu(x * 1.0, inplace=True),
    "tanh": torch.tanh,
    "gated": lambda x: F.silu(x) * (2 * x),
    "squared": lambda x: x * x,
    "root mean square": lambda x: F.rms_norm(x, (6,)),
    "root mean square, written out": lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6),
    "length 1": lambda x: F.normalize(x, dim=-1),
    "length 1, written out": lambda x: x / x.norm(dim=-1, keepdim=True),
    "length 1, powers written out": lambda x: x / torch.pow(torch.sum(torch.pow(x, 2), dim=-1, keepdim=True), 0.5),
    "layer norm": lambda x: F.layer_norm(x, (6,)),
    "product": lambda x: x @ (3 * x).mT,
    "einsum": lambda x: torch.einsum("ij,kj->ik", x, 2 * x),
}


@pytest.mark.parametrize("spelled", SPELLED)
def test_relevance_in_is_relevance_out(spelled: str) -> None:
    function = SPELLED[spelled]
    given = torch.randn(5, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    with Rules() as rules:
        out = function(given)
    torch.testing.assert_close(out.detach(), function(given.detach()))
    weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((out * weights).sum(), given)
    assert float((given.detach() * gradient).sum()) == pytest.approx(float((out.detach() * weights).sum()))
    assert rules.plain == {}


def test_functions_without_a_rule_are_named() -> None:
    with Rules() as rules:
        given = torch.ones(3, requires_grad=True)
        out = torch.exp(given).sum() + (given / (1 + given)).sum()
    assert [*rules.plain] == ["exp", "div"]
    (gradient,) = torch.autograd.grad(out, given)
    torch.testing.assert_close(gradient, torch.full((3,), torch.e + 0.25))


# --- every family ----------------------------------------------------------------------------------------------------


def conserved(found: NDArray[Any], score: float) -> None:
    """What the tokens behind the last block account for is the score, where no bias takes a share; and it is not nothing."""
    assert np.isfinite(found).all()
    assert found[-1].sum() == pytest.approx(score, rel=1e-3)
    assert np.abs(found[0]).sum() > 1e-3 * abs(score)


def without_biases(network: Any) -> None:
    for name, one in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(one)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["ViT", "Dinov2", "Beit"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_networks_of_transformers(tmp_path: Path, name: str, kind: str, attention: str) -> None:
    import transformers

    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = getattr(transformers, f"{kind}Config")(**sizes, image_size=32, patch_size=8, num_labels=3)
    network = getattr(transformers, f"{kind}ForImageClassification")(config)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    without_biases(network)
    network.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}}')
    model = va.load(f"hf:{tmp_path}")
    model.module.set_attn_implementation(attention)
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    record = model.attend(pixels, target=1, keep=methods()[name].needs)
    conserved(record.signals[name], float(record.prediction.scores[1]))
    other = "eager" if attention == "sdpa" else "sdpa"
    model.module.set_attn_implementation(other)
    again = model.attend(pixels, target=1, keep=methods()[name].needs)
    np.testing.assert_allclose(again.signals[name], record.signals[name], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_similarity_is_handed_back(tmp_path: Path, name: str) -> None:
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8)
    network = Dinov2Model(config)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    without_biases(network)
    network.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}}')
    model = va.load(f"hf:{tmp_path}")
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    record = model.attend(pixels, target=va.Similar(to=(1, 2)), keep=methods()[name].needs)
    last = model.final_tokens(pixels)[0]
    conserved(record.signals[name], float(F.cosine_similarity(last[0], last[7], dim=0)))
    assert "accounts" not in methods()[name](record).words
    assert "they account for" in methods()[name](record).words


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_labels_are_handed_back(tmp_path: Path, family: str) -> None:
    dual_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    asked = {"labels": ["red ring", "blue square"], "target": "blue square"}
    for name in NAMES:
        record = model.attend(picture(), **asked, keep=methods()[name].needs)
        assert np.isfinite(record.signals[name]).all()
        assert np.abs(record.signals[name]).max() > 0
        assert record.settings["notes"] == model.attend(picture(), **asked).settings["notes"]


@pytest.mark.parametrize("family", HEADED)
def test_texts_are_handed_back_alone_and_in_padded_batches(tmp_path: Path, family: str) -> None:
    text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    texts = ["The soup was not good, the waiters slowed!", "Never good."]
    for name in NAMES:
        ready = [model.prepare(one) for one in texts]
        asked, _ = model.asked(target=1, keep=methods()[name].needs)
        together = [one.signals[name] for one in model.attend_ready(ready, asked)]
        for text, batched in zip(texts, together, strict=True):
            record = model.attend(text, target=1, keep=methods()[name].needs)
            assert record.signals[name].shape[1] == len(record.maps[0].key)
            np.testing.assert_allclose(batched, record.signals[name], atol=2e-5 * np.abs(batched).max())
            assert methods()[name](record).row.shape == (len(record.maps[0].key),)


# --- controls, and what is left behind -------------------------------------------------------------------------------


def shifted(network: Any, name: str, shuffle: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """The map of a picture moved by one row and two columns of patches, and the picture's map moved along."""
    model, pixels = tiny.model(network), tiny.pixels()
    moved = pixels.roll((4, 8), (2, 3))
    maps = [methods()[name](model.attend(one, target=0, keep=methods()[name].needs)).values for one in (pixels, moved)]
    first = np.random.default_rng(0).permutation(maps[0].ravel()).reshape(4, 4) if shuffle else maps[0]
    return maps[1], np.roll(first, (1, 2), (0, 1))


@pytest.mark.parametrize("name", [*NAMES, "grad-cam"])
def test_a_map_moves_along_with_its_picture(name: str) -> None:
    """Without positions every patch is treated alike, so that a picture moved by whole patches has its map moved."""
    network = tiny.network()
    torch.nn.init.zeros_(network.encoder.pos_embedding)
    np.testing.assert_allclose(*shifted(network, name, shuffle=False), atol=1e-5)
    found, other = shifted(network, name, shuffle=True)
    assert np.abs(found - other).max() > 0.1 * np.abs(found).max()


def left_behind(module: Any) -> tuple[Any, ...]:
    hooks = [len(one._forward_hooks) + len(one._forward_pre_hooks) for one in module.modules()]
    asking = [one.requires_grad or one.grad is not None for one in module.parameters()]
    return sum(hooks), any(asking), module.training, torch._C._len_torch_function_stack(), torch.is_grad_enabled()


@pytest.mark.parametrize("name", [*NAMES, "grad-cam"])
def test_everything_is_as_before_also_after_a_failure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tiny.network()
    model, before = tiny.model(module), left_behind(module)
    model.attend(tiny.pixels(), target=1, keep=methods()[name].needs)
    assert left_behind(module) == before

    def fail(given: Tensor) -> Tensor:
        raise KeyError("in the last block")

    monkeypatch.setattr(module.encoder.layers[-1].mlp, "forward", fail)
    with pytest.raises(KeyError, match="in the last block"):
        model.attend(tiny.pixels(), target=1, keep=methods()[name].needs)
    monkeypatch.undo()
    assert left_behind(module) == before == (0, False, False, 0, True)


def test_threads_do_not_hear_each_other() -> None:
    """Eight threads share one model, each with its own method, target and picture."""
    model = tiny.model(tiny.network(3))
    asked = [((*NAMES, "grad-cam", "relevance")[n % 4], n % 3, tiny.pixels(seed=n)) for n in range(8)]

    def made(n: int) -> NDArray[Any]:
        name, target, pixels = asked[n]
        return methods()[name](model.attend(pixels, target=target, keep=methods()[name].needs)).row

    alone, together = [made(n) for n in range(8)], {n: [] for n in range(8)}
    start = threading.Barrier(8)

    def work(n: int) -> None:
        start.wait()
        together[n].extend(made(n) for _ in range(5))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for n, rows in together.items():
        assert len(rows) == 5
        for row in rows:
            np.testing.assert_allclose(row, alone[n], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", [*NAMES, "grad-cam", "relevance"])
def test_memory_is_flat_over_200_calls(name: str) -> None:
    import gc

    model, pixels = tiny.model(tiny.network()), tiny.pixels()

    def call(count: int) -> int:
        for _ in range(count):
            methods()[name](model.attend(pixels, target=1, keep=methods()[name].needs))
        gc.collect()
        return sum(isinstance(one, Tensor) for one in gc.get_objects())

    assert call(200) <= call(5) + 2


def test_what_cannot_be_had_is_said() -> None:
    record = tiny.model(tiny.network()).attend(tiny.pixels(), target=1, keep=methods()["attnlrp"].needs)
    with pytest.raises(ValueError, match="want a whole number from 0 to 1, got 2"):
        methods()["attnlrp"](record, start_layer=2)
    with pytest.raises(ValueError, match="no token asks"):
        methods()["attnlrp"](record, query=(0, 1))
    headless = va.load("photo-dino") if va.card("photo-dino").bundled else None
    if headless is not None:
        with pytest.raises(GateError, match="similar"):
            headless.attend(torch.zeros(1, 3, 56, 56), keep=methods()["attnlrp"].needs)
