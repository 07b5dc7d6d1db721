"""Where captures meet the rest of the world: threads, generation, training, graphs, hand-written attention."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

import vit_attention as va
from tests.vit_attention.capture import families
from vit_attention import compat  # noqa: F401

MIXED = {name: families.TRANSFORMERS[name] for name in ("ViT", "BERT")}


class Stop(Exception):
    """Raised in the middle of somebody's capture."""


def state_of(module: nn.Module) -> list[Any]:
    """What a capture could leave behind in a module and in this thread."""
    return [
        [(name, id(part), part.training, len(part._forward_hooks), len(part._forward_pre_hooks)) for name, part in module.named_modules()],
        [(name, id(p), p.requires_grad, p.grad is None) for name, p in module.named_parameters()],
        [sorted(vars(part)) for part in module.modules()],
        len(_get_current_function_mode_stack()),
    ]  # fmt: skip


def test_eight_threads_some_capturing_some_not_some_raising() -> None:
    model = families.build(families.TRANSFORMERS["ViT"])
    pictures = [draw(1, 3, 32, 32, seed=n) for n in range(8)]

    def attend(pixels: Tensor) -> list[Tensor]:
        with torch.inference_mode(), va.capture(model) as seen:
            model(pixel_values=pixels)
        return [one.weights for one in seen]

    def raise_inside(pixels: Tensor) -> None:
        with torch.inference_mode(), va.capture(model):
            model.embeddings(pixels)
            raise Stop

    def work(number: int) -> None:
        start.wait()
        for turn in range(200):
            if (number + turn) % 4 == 3:  # one that does not capture
                with torch.inference_mode():
                    out = model(pixel_values=pictures[number]).last_hidden_state
                torch.testing.assert_close(out, plain[number], atol=1e-6, rtol=0)
            elif (number + turn) % 4 == 2:
                with pytest.raises(Stop):
                    raise_inside(pictures[number])
            else:
                for mine, expected in zip(attend(pictures[number]), alone[number], strict=True):
                    torch.testing.assert_close(mine, expected, atol=1e-6, rtol=0)

    alone = [attend(pixels) for pixels in pictures]
    with torch.inference_mode():
        plain = [model(pixel_values=pixels).last_hidden_state for pixels in pictures]
    before, start = state_of(model), threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert state_of(model) == before
    assert not torch.equal(alone[0][0], alone[1][0])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("name", ["GPT-2", "Llama", "T5", "BART", "Whisper"])
def test_generate_is_heard_step_by_step(name: str, beams: int) -> None:
    """The library's own eager weights of every step, for every beam that it had in hand."""
    import transformers

    family = families.TRANSFORMERS[name]
    heads = {"GPT-2": "GPT2LMHeadModel", "Llama": "LlamaForCausalLM"}
    kind = heads.get(name, family.model.replace("Model", "ForConditionalGeneration"))
    family = families.Family(kind, family.config, family.options, family.inputs)
    model, eager = families.build(family), families.build(family, eager=True)
    inputs = {key: value[:1] for key, value in family.inputs().items() if key in ("input_ids", "input_features")}
    asked = {"max_new_tokens": 4, "min_new_tokens": 4, "num_beams": beams, "do_sample": False, "pad_token_id": 0}
    transformers.logging.set_verbosity_error()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = eager.generate(**inputs, **asked, output_attentions=True, return_dict_in_generate=True)
        with va.capture(model) as seen:
            model.generate(**inputs, **asked)
    steps = said.get("decoder_attentions") or said.get("attentions")
    cross = said.get("cross_attentions")
    own = list(said.get("encoder_attentions") or ())
    for number, step in enumerate(steps):
        for layer, weights in enumerate(step):
            own += [weights, *([cross[number][layer]] if cross else ())]
    assert len(seen) == len(own)
    for one, expected in zip(seen, own, strict=True):
        # Whisper's generate hands out the first beam alone.
        weights = one.weights[: len(expected)] if name == "Whisper" else one.weights
        torch.testing.assert_close(weights, expected, atol=1e-6, rtol=0)
    assert {one.layer for one in seen} == set(range(6 if cross else 2))


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_computes_again_and_counts_once(reentrant: bool) -> None:
    family = families.TRANSFORMERS["ViT"]
    options = {**family.options, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    models = [families.build(families.Family(family.model, family.config, options, family.inputs)) for _ in range(2)]
    pixels = family.inputs()["pixel_values"]
    for model in models:
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        model.train()
    with va.capture(models[0]) as seen:
        go_back(models[0](pixel_values=pixels).last_hidden_state.square().sum())
    go_back(models[1](pixel_values=pixels).last_hidden_state.square().sum())
    assert [one.layer for one in seen] == [0, 1]
    for mine, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        if other.grad is not None:
            torch.testing.assert_close(mine.grad, other.grad, atol=1e-4, rtol=1e-4)


def go_back(score: Tensor) -> None:
    score.backward()


def test_compiled_scripted_and_exported_graphs_are_refused_with_the_way_out() -> None:
    torch.manual_seed(0)
    plain = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = draw(1, 4, 8)
    compiled = torch.compile(plain, backend="eager")
    in_place = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval())
    in_place[0].compile(backend="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(nn.Linear(8, 8), x)
    exported = torch.export.export(nn.Linear(8, 8), (x,))
    for module, why in (
        (compiled, r"compiled module .*runs without the Python calls.*_orig_mod"),
        (in_place, r"^0 of Sequential is a compiled module"),
        (traced, r"scripted module \(torch.jit\)"),
        (exported.module(), r"exported graph \(torch.export\)"),
        (exported, r"want a torch.nn.Module, got ExportedProgram: capture the module that was exported"),
        ("vit-b-16", r"want a torch.nn.Module, got str"),
    ):
        with pytest.raises(va.CaptureError, match=why), va.capture(module):
            pass
    with torch.no_grad(), va.capture(compiled._orig_mod) as seen:
        plain(x)
    assert len(seen) == 1


# --- attention that people write by hand -----------------------------------------------------------------------------


class ByHand(nn.Module):
    """One softmax attention; `way` is how its last product is written."""

    def __init__(self, way: str, heads: int = 2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.way, self.num_heads, self.qkv = way, heads, nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        self.own = a = ((q * 4**-0.5) @ k.mT).softmax(dim=-1)
        ways: dict[str, Any] = {
            "at": lambda: a @ v,
            "matmul": lambda: torch.matmul(a, v),
            "method": lambda: a.matmul(v),
            "bmm, folded": lambda: torch.bmm(a.flatten(0, 1), v.flatten(0, 1)).unflatten(0, a.shape[:2]),
            "transposed": lambda: (v.mT @ a.mT).mT,
            "einsum": lambda: torch.einsum("bhqk,bhkd->bhqd", a, v),
            "einsum, other order": lambda: torch.einsum("bhkd,bhqk->bqhd", v, a).transpose(1, 2),
            "cast": lambda: a.to(torch.float64).float() @ v,
            "dropout": lambda: nn.functional.dropout(a, 0.5, self.training) @ v,
            "head mask of ones": lambda: (a * torch.ones(1, self.num_heads, 1, 1)) @ v,
            "five axes": lambda: (a.unsqueeze(1) @ v.unsqueeze(1)).squeeze(1),
        }
        return ways[self.way]().transpose(1, 2).flatten(2)


WAYS = ["at", "matmul", "method", "bmm, folded", "transposed", "einsum", "einsum, other order", "cast", "dropout",
        "head mask of ones", "five axes"]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_softmax_is_heard_however_it_meets_the_values(way: str) -> None:
    model, x = ByHand(way).eval(), draw(3, 5, 8)
    with torch.no_grad():
        plain = model(x)
        with va.capture(model) as seen:
            out = model(x)
    assert [tuple(one.weights.shape) for one in seen] == [(3, 2, 5, 5)]
    torch.testing.assert_close(seen[0].weights, model.own, atol=1e-7, rtol=0)
    assert torch.equal(out, plain)
    assert seen[0].residual < 1e-5


@pytest.mark.parametrize("way", WAYS)
def test_gradients_by_such_weights_equal_those_of_the_model(way: str) -> None:
    """A weight's gradient is the output's gradient times its value, here taken from the plain graph of `at`."""
    model, x = ByHand(way).eval().requires_grad_(False), draw(1, 5, 8)
    target = draw(1, 5, 8, seed=3)
    with va.capture(model, gradients=True) as seen:
        score = (model(x) * target).sum()
    (gradient,) = torch.autograd.grad(score, [seen[0].probe])
    value = model.qkv(x).chunk(3, -1)[2].unflatten(-1, (2, 4)).transpose(1, 2)
    expected = target.unflatten(-1, (2, 4)).transpose(1, 2) @ value.mT
    assert gradient.shape == seen[0].weights.shape
    torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-5)


class InPieces(nn.Module):
    """Two softmaxes over halves of the keys, each with values of its own: neither is a map of the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        first, second = k.split([2, x.shape[1] - 2], 1), v.split([2, x.shape[1] - 2], 1)
        return sum((q @ a.mT).softmax(-1) @ b for a, b in zip(first, second, strict=True))


def test_pieces_of_an_attention_are_named_and_not_shown() -> None:
    model = nn.Sequential(ByHand("at"), InPieces()).eval()
    with torch.no_grad(), pytest.warns(UserWarning, match=r"not heard: 1 \(InPieces\)"), va.capture(model) as seen:
        model(draw(2, 5, 8))
    assert [one.name for one in seen] == ["0"]
    assert seen.unheard == ["1"]


def test_softmaxes_that_are_no_attention_are_left_alone() -> None:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.gate, self.head = ByHand("at"), nn.Linear(8, 8), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.body(x)
            x = x * self.gate(x).softmax(-1)
            return self.head(x).softmax(-1) @ torch.arange(4.0)

    model = Classifier().eval()
    with torch.no_grad(), va.capture(model) as seen:
        model(draw(2, 5, 8))
    assert [one.name for one in seen] == ["body"]


def test_a_module_whose_values_are_normalised_by_a_mask_is_heard() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = nn.Linear(8, 1)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            weight = self.score(x)[..., 0].softmax(1) * mask
            weight = weight / weight.sum(1, keepdim=True)
            return torch.bmm(weight.unsqueeze(1), x).squeeze(1)

    mask = torch.tensor([[1.0, 1, 1, 0, 0]])
    module, x = Masked().eval(), draw(1, 5, 8)
    with torch.no_grad(), va.capture(module) as seen:
        module(x, mask)
        power = module.score(x)[0, :, 0].exp() * mask[0]
    torch.testing.assert_close(seen[0].weights[0, 0, 0], power / power.sum(), atol=1e-6, rtol=0)


def test_what_others_call_while_a_capture_is_open_is_not_taken_for_the_model() -> None:
    model, other = ByHand("at").eval(), nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad(), va.capture(model) as seen:
        other(draw(1, 4, 8), draw(1, 4, 8), draw(1, 4, 8))
        model(draw(1, 5, 8))
        nn.functional.scaled_dot_product_attention(*[draw(1, 2, 3, 4)] * 3)
    assert [one.name for one in seen] == [""]
