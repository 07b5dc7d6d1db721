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
        [
            (name, id(part), part.training, len(part._forward_hooks), len(part._forward_pre_hooks))
            for name, part in module.named_modules()
        ],
        [(name, id(p), p.requires_grad, p.grad is None) for name, p in module.named_parameters()],
        [sorted(vars(part)) for part in module.modules()],
        len(_get_current_function_mode_stack()),
    ]


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
            "einsum, ellipsis": lambda: torch.einsum("...qk,...kd->...qd", a, v),
            "einsum, three leading letters": lambda: torch.einsum("wbhqk,wbhkd->wbhqd", a[None], v[None])[0],
            "by keyword": lambda: torch.matmul(input=a, other=v),
            "keys first": lambda: v.mT @ ((q * 4**-0.5) @ k.mT).mT.softmax(dim=-2),
        }
        out = ways[self.way]()
        return (out.mT if self.way == "keys first" else out).transpose(1, 2).flatten(2)


WAYS = [
    "at",
    "matmul",
    "method",
    "bmm, folded",
    "transposed",
    "einsum",
    "einsum, other order",
    "cast",
    "dropout",
    "head mask of ones",
    "five axes",
    "einsum, ellipsis",
    "einsum, three leading letters",
    "by keyword",
    "keys first",
]


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
    """Two attentions over halves of the keys, each with values of its own: neither is a map of the whole."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused, self.qkv = fused, nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        first, second = k.split([2, x.shape[1] - 2], 1), v.split([2, x.shape[1] - 2], 1)
        return sum(self.attend(q, a, b) for a, b in zip(first, second, strict=True))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if self.fused:
            return nn.functional.scaled_dot_product_attention(q, k, v)
        return (q @ k.mT).softmax(-1) @ v


@pytest.mark.parametrize("fused", [True, False])
def test_pieces_of_an_attention_are_named_and_not_shown(fused: bool) -> None:
    model = nn.Sequential(ByHand("at"), InPieces(fused)).eval()
    with (
        torch.no_grad(),
        pytest.warns(UserWarning, match=r"not heard: 1 \(InPieces: several attentions in one call\)"),
        va.capture(model) as seen,
    ):
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


class Lost(nn.Module):
    """Attends in a way that can't be read; its name says nothing."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.mix, self.qkv = way, nn.Linear(2, 2), nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        scores = (q @ k.mT) / 2
        ways: dict[str, Any] = {
            "a sink that is cut off": lambda: torch.cat([scores, scores[..., :1]], -1).softmax(-1)[..., :-1] @ v,
            "padded and cut in chunks": lambda: nn.functional.pad(scores.softmax(-1), (0, 1))[..., :-1] @ v,
            "heads mixed with heads": lambda: self.mix(scores.softmax(-1).permute(0, 2, 3, 1)).permute(0, 3, 1, 2) @ v,
            "logarithms": lambda: scores.log_softmax(-1).exp() @ v,
            "written to a place": lambda: torch.matmul(scores.softmax(-1), v, out=torch.empty_like(v)),
        }
        return ways[self.way]().transpose(1, 2).flatten(2)


@pytest.mark.parametrize(
    "way",
    [
        "a sink that is cut off",
        "padded and cut in chunks",
        "heads mixed with heads",
        "logarithms",
        "written to a place",
    ],
)
def test_what_becomes_of_a_softmax_in_other_ways_is_named(way: str) -> None:
    model, x = nn.Sequential(ByHand("at"), Lost(way)).eval(), draw(2, 5, 8)
    with torch.no_grad():
        plain = model(x)
        with (
            pytest.warns(UserWarning, match=r"not heard: 1 \(Lost: a softmax that is changed"),
            va.capture(model) as seen,
        ):
            out = model(x)
    assert [one.name for one in seen] == ["0"]
    assert torch.equal(out, plain)


def test_an_attention_that_is_called_by_its_operator_is_heard() -> None:
    class Operator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(8, 24)

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
            return torch.ops.aten.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    module = Operator().eval()
    with torch.no_grad(), va.capture(module) as seen:
        module(draw(1, 5, 8))
    assert [tuple(one.weights.shape) for one in seen] == [(1, 2, 5, 5)]


@pytest.mark.parametrize("split", [False, True])
def test_heads_are_found_where_they_stand(split: bool) -> None:
    """Windows behind the heads, as in Hiera, and batch and heads in one axis before them, as in HaloNet."""

    class Windows(nn.Module):
        num_heads = 3

        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.scaled_dot_product_attention(x * self.one, x, x)

    module, x = Windows().eval(), draw(2, 3, 4, 5, 8)  # batch, heads, windows, tokens, width
    given = x.flatten(0, 1) if split else x
    with torch.no_grad():
        plain = module(given)
        with va.capture(module) as seen:
            out = module(given)
    assert seen[0].weights.shape == (8, 3, 5, 5)
    for item in range(2):
        for head in range(3):
            for window in range(4):
                expected = (x[item, head, window] @ x[item, head, window].mT / 8**0.5).softmax(-1)
                torch.testing.assert_close(seen[0].weights[4 * item + window, head], expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(out, plain, atol=1e-6, rtol=0)


def test_deformable_attention_is_named_though_its_sampler_has_no_parameters() -> None:
    from transformers import DeformableDetrConfig
    from transformers.models.deformable_detr import modeling_deformable_detr as library

    config = DeformableDetrConfig(
        d_model=16, encoder_attention_heads=2, num_feature_levels=1, encoder_n_points=2, decoder_n_points=2
    )
    torch.manual_seed(0)
    deformable = library.DeformableDetrMultiscaleDeformableAttention(config, num_heads=2, n_points=2)
    model = nn.ModuleDict({"plain": ByHand("at"), "attention": deformable}).eval()
    x, spatial = draw(1, 16, 16), torch.tensor([[4, 4]])
    inputs = {"encoder_hidden_states": x, "reference_points": torch.rand(1, 16, 1, 2), "spatial_shapes": spatial}
    shapes = {"spatial_shapes_list": [(4, 4)], "level_start_index": torch.tensor([0])}

    def both() -> Any:
        with torch.no_grad(), va.capture(model) as seen:
            model["plain"](draw(1, 5, 8))
            model["attention"](x, **inputs, **shapes)
        return seen

    with pytest.warns(UserWarning, match="not heard: attention "):
        seen = both()
    assert seen.unheard == ["attention"]


def test_a_tower_is_numbered_before_the_decoder_whatever_its_classes_are_called() -> None:
    """`SamVisionAttention` ends as a gate is called, "on attention", and is none."""
    import transformers

    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16,
            "num_pos_feats": 4,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "mlp_dim": 16,
            "output_channels": 8,
            "window_size": 2,
            "global_attn_indexes": [0],
        },
        prompt_encoder_config={"hidden_size": 8, "image_size": 32, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "mlp_dim": 16,
            "iou_head_hidden_dim": 8,
        },
    )
    for attention in ("sdpa", "eager"):
        model = transformers.SamModel._from_config(config, attn_implementation=attention).eval()
        with torch.no_grad(), va.capture(model, layers=[0]) as seen:
            model(pixel_values=draw(1, 3, 32, 32), input_points=torch.zeros(1, 1, 1, 2))
        assert [one.name for one in seen] == ["vision_encoder.layers.0.attn"]


def test_a_network_that_attends_by_itself_does_not_hide_a_block_that_is_not_heard() -> None:
    class SilentAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(8))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale

    class Whole(ByHand):
        def __init__(self) -> None:
            super().__init__("at")
            self.more = SilentAttention()

        def forward(self, x: Tensor) -> Tensor:
            return self.more(super().forward(x))

    model = Whole().eval()
    with (
        torch.no_grad(),
        pytest.warns(UserWarning, match=r"not heard: more \(SilentAttention"),
        va.capture(model) as seen,
    ):
        model(draw(1, 5, 8))
    assert [one.name for one in seen] == [""]
    assert seen.unheard == ["more"]
