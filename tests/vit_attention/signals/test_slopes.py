"""Gradients by the input, against differences, integrals, Captum and the networks' own doors."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import fixed_quad
from torch import Tensor

import vit_attention as va
from tests.vit_attention.folders import HEADED, dual_folder, text_folder
from tests.vit_attention.signals.tiny import again, curved, dino, pixels
from visualizer import methods
from vit_attention.gate import GateError
from vit_attention.records import Run
from vit_attention.signals import carry_out
from worlds.scenes import scene

TEXT = "the soup was not good but a waiter smiled"
SLOPES = ("input-gradients", "integrated-gradients", "smoothgrad")
KNOBS: dict[str, dict[str, Any]] = {
    "input-gradients": {"times_input": "no"},
    "integrated-gradients": {"steps": 8, "baseline": "zero"},
    "smoothgrad": {"samples": 4, "noise": 0.1, "absolute": "after", "seed": 0},
}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return dino(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return dino(tmp_path_factory.mktemp("headless"), head=False)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp("bert")
    return text_folder(folder), va.load(f"hf:{folder}")


@pytest.fixture(scope="module")
def ready(classifier: Any) -> Tensor:
    return classifier.prepare(scene(24).picture).pixels.double()


def patches(values: Tensor) -> np.ndarray:
    """(4, 4) sums over the channels and pixels of 8 x 8 patches."""
    return np.array(
        [[float(values[:, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8].sum()) for c in range(4)] for r in range(4)]
    )


def logit(model: Any, given: Tensor) -> Tensor:
    """(batch,) scores of class 1, by the network itself."""
    found: Tensor = model.module(pixel_values=given).logits[:, 1]
    return found


def cosines(model: Any, given: Tensor, fixed: Tensor) -> Tensor:
    """(batch,) similarity of the class token to a fixed token, by the network itself."""
    tokens = model.module(pixel_values=given).last_hidden_state
    return torch.nn.functional.cosine_similarity(tokens[:, 0], fixed[None], dim=-1)


def jacobian(score: Any, given: Tensor) -> Tensor:
    """(channels, height, width) central differences by every pixel; the network is in double precision."""
    step, found = 1e-5, torch.zeros(given[0].numel(), dtype=torch.float64)
    with torch.no_grad():
        for first in range(0, len(found), 512):
            numbers = torch.arange(first, min(first + 512, len(found)))
            moves = torch.zeros(len(numbers), len(found), dtype=torch.float64)
            moves[range(len(numbers)), numbers] = step
            moves = moves.reshape(-1, *given.shape[1:])
            found[numbers] = (score(given + moves) - score(given - moves)) / (2 * step)
    return found.reshape(given.shape[1:])


def ask(model: Any, given: Any, name: str, target: Any, **knobs: Any) -> Any:
    method, labels = methods()[name], {"labels": knobs.pop("labels")} if "labels" in knobs else {}
    return method(model.attend(given, target=target, keep=method.needs_for(**knobs), layers=[0], **labels), **knobs)


def test_input_gradients_are_differences(classifier: Any, headless: Any, ready: Tensor) -> None:
    with torch.no_grad():
        fixed = headless.module(pixel_values=ready).last_hidden_state[0, 7]
    for model, target, score in (
        (classifier, 1, lambda given: logit(classifier, given)),
        (headless, "similar:1,2", lambda given: cosines(headless, given, fixed)),
    ):
        wanted = jacobian(score, ready)
        np.testing.assert_allclose(ask(model, ready, "input-gradients", target).values, patches(wanted.abs()), 1e-4)
        found = ask(model, ready, "input-gradients", target, times_input="yes")
        np.testing.assert_allclose(found.values, patches(wanted * ready[0]), rtol=1e-3, atol=1e-7)
        assert (found.signed, found.unit) == (True, "gradient times input")


@pytest.mark.parametrize("baseline", ["zero", "blank"])
def test_integrated_gradients_are_integrals(classifier: Any, ready: Tensor, baseline: str) -> None:
    """Derivatives along each patch's part of the way, by differences, integrated by Gauss's rule."""
    blank = torch.zeros_like(ready) if baseline == "zero" else ready.mean((2, 3), keepdim=True).expand_as(ready)
    ways = torch.zeros(16, *ready.shape[1:], dtype=torch.float64)
    for n in range(16):
        cut = (n, slice(None), slice(8 * (n // 4), 8 * (n // 4) + 8), slice(8 * (n % 4), 8 * (n % 4) + 8))
        ways[cut] = (ready - blank)[(0, *cut[1:])]

    def derivative(places: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            here = [blank + float(place) * (ready - blank) for place in places]
            pairs = [
                (logit(classifier, one + 1e-5 * ways) - logit(classifier, one - 1e-5 * ways)) / 2e-5 for one in here
            ]
        return torch.stack(pairs, dim=-1).numpy()

    wanted = fixed_quad(lambda places: derivative(places), 0, 1, n=60)[0].reshape(4, 4)
    found = ask(classifier, ready, "integrated-gradients", 1, steps=600, baseline=baseline)
    np.testing.assert_allclose(found.values, wanted, atol=2e-3 * np.abs(wanted).max())
    with torch.no_grad():
        ends = logit(classifier, torch.cat([blank, ready]))
    assert found.values.sum() == pytest.approx(float(ends[1] - ends[0]), rel=1e-3)
    assert f"{float(ends[1]):.3g} instead of {float(ends[0]):.3g} for the {baseline} baseline" in found.words
    assert (found.signed, found.unit) == (True, "contribution to the raw score")


def test_integrated_gradients_are_captums(classifier: Any, ready: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    wanted = attr.IntegratedGradients(lambda given: logit(classifier, given)).attribute(
        ready, ready * 0, method="riemann_middle", n_steps=16
    )
    found = ask(classifier, ready, "integrated-gradients", 1, steps=16)
    np.testing.assert_allclose(found.values, patches(wanted[0]), rtol=1e-5, atol=1e-7)


def test_of_a_linear_score_every_number_of_steps_is_exact() -> None:
    weights = pixels(seed=1)
    run = Run.of("integrated-gradients", steps=1, baseline="blank")
    values, ends = carry_out(run, again(pixels(), lambda some: (some * weights).sum((1, 2, 3))[:, None]))
    way = pixels() - pixels().mean((2, 3), keepdim=True)
    wanted = torch.nn.functional.avg_pool2d((weights * way).sum(dim=1), 4)[0] * 16
    np.testing.assert_allclose(values, wanted, rtol=1e-5)
    assert values.sum() == pytest.approx(ends[1] - ends[0], rel=1e-5)


def test_what_the_sum_misses_is_told(classifier: Any, ready: Tensor) -> None:
    found = ask(classifier, ready, "integrated-gradients", 1, steps=2)
    with torch.no_grad():
        ends = logit(classifier, torch.cat([ready * 0, ready]))
    missing = float(ends[1] - ends[0]) - found.values.sum()
    assert found.words.endswith(
        f"of the difference {abs(missing):.2g} ({abs(missing / float(ends[1] - ends[0])):.1%}) is missing"
    )


def test_smoothgrad_averages_gradients_at_noisy_copies() -> None:
    given, chance = pixels(), torch.Generator().manual_seed(3)
    spread = 0.2 * float(given.max() - given.min())
    each = []
    for _ in range(6):
        copy = (given + spread * torch.randn(given.shape, generator=chance)).requires_grad_()
        each.append(torch.autograd.grad(curved(copy)[0, 1], copy)[0][0])
    made = again(given, curved, target=1)
    for absolute, wanted in (("after", torch.stack(each).mean(0).abs()), ("before", torch.stack(each).abs().mean(0))):
        run = Run.of("smoothgrad", samples=6, noise=0.2, absolute=absolute, seed=3)
        sums = torch.nn.functional.avg_pool2d(wanted.sum(0, keepdim=True), 4)[0] * 16
        np.testing.assert_allclose(carry_out(run, made), sums, rtol=1e-5)
    still = carry_out(Run.of("smoothgrad", samples=3, noise=0.0, absolute="after", seed=0), made)
    np.testing.assert_allclose(still, carry_out(Run.of("input-gradients", times_input="no"), made), rtol=1e-6)
    noisy = carry_out(Run.of("smoothgrad", samples=6, noise=0.2, absolute="after", seed=3), made)
    assert np.abs(noisy - still).max() > 0.1 * still.max()


@pytest.mark.parametrize("family", HEADED)
def test_gradients_of_a_text_are_by_its_word_embeddings(tmp_path: Path, family: str) -> None:
    """Transformers has a door of its own for embeddings, behind the one for numbers of tokens."""
    network = text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    ids, mask = (one.repeat(1, 1) for one in (model.prepare(TEXT).ids, model.prepare(TEXT).mask))
    vectors = network.get_input_embeddings()(ids).detach().requires_grad_()
    scores = network.eval()(inputs_embeds=vectors, attention_mask=mask.long()).logits
    wanted = torch.autograd.grad(scores[0, 1], vectors)[0][0]
    for times, sums in (("no", wanted.abs().sum(-1)), ("yes", (wanted * vectors[0]).sum(-1))):
        found = ask(model, TEXT, "input-gradients", 1, times_input=times)
        np.testing.assert_allclose(
            found.row[1:-1], sums.detach()[1:-1], rtol=1e-3, atol=1e-5 * float(sums.detach().abs().max())
        )
        assert np.isnan(found.row[[0, -1]]).all()


@pytest.mark.parametrize("baseline", ["zero", "blank"])
def test_integrated_gradients_of_a_text_leave_special_tokens_alone(bert: tuple[Any, Any], baseline: str) -> None:
    attr = pytest.importorskip("captum.attr")
    network, model = bert
    vectors = network.get_input_embeddings()(model.prepare(TEXT).ids).detach()
    blank = vectors.clone()
    blank[0, 1:-1] = 0 if baseline == "zero" else network.get_input_embeddings().weight[4].detach()  # [MASK]
    wanted = attr.IntegratedGradients(lambda given: network(inputs_embeds=given).logits[:, 1]).attribute(
        vectors, blank, method="riemann_middle", n_steps=20
    )
    found = ask(model, TEXT, "integrated-gradients", 1, steps=20, baseline=baseline)
    np.testing.assert_allclose(found.row[1:-1], wanted[0, 1:-1].sum(-1), rtol=1e-3, atol=1e-6)
    with torch.no_grad():
        ends = network(inputs_embeds=torch.cat([blank, vectors])).logits[:, 1]
    assert found.values[:-1].sum() == pytest.approx(float(ends[1] - ends[0]), rel=0.05)


def test_padding_of_given_tokens_changes_nothing(bert: tuple[Any, Any]) -> None:
    model = bert[1]
    ids = model.prepare(TEXT).ids[0].tolist()
    padded = {"input_ids": [*ids, 0, 0, 0], "attention_mask": [1] * len(ids) + [0] * 3}
    for name in SLOPES:
        knobs = {"noise": 0.0} if name == "smoothgrad" else {}  # of which padding would get some
        alone = ask(model, {"input_ids": ids, "attention_mask": [1] * len(ids)}, name, 1, **knobs)
        np.testing.assert_allclose(ask(model, padded, name, 1, **knobs).row, alone.row, rtol=1e-3, atol=1e-6)


def test_parts_of_a_word_add_up(bert: tuple[Any, Any]) -> None:
    found = ask(bert[1], "the waiters smiled", "integrated-gradients", 1)
    assert found.over([(2, 3)]) == pytest.approx(found.row[2] + found.row[3])


def test_labels_of_a_dual_encoder_are_classes(tmp_path: Path) -> None:
    dual_folder(tmp_path)
    model, labels = va.load(f"hf:{tmp_path}"), ["red ring", "blue square"]
    found = ask(model, scene(7).picture, "integrated-gradients", "red ring", labels=labels, steps=200)
    given = model.prepare(scene(7).picture).pixels
    before, after = (model.about(labels).rerun(one, lambda same: same)[0, 0] for one in (given * 0, given))
    assert found.values.sum() == pytest.approx(after - before, rel=0.05, abs=0.02)


def rolling(some: Tensor) -> Tensor:
    """(batch, 2) scores of a convolution on a torus: a picture that is shifted has the same."""
    kernel = torch.tensor([[0.0, 1, 0], [1, -3, 1], [0, 1, 0]], dtype=some.dtype)[None, None]
    padded = torch.nn.functional.pad(some.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="circular")
    edges = torch.nn.functional.conv2d(padded, kernel).relu()
    return torch.stack([(edges**2).mean((1, 2, 3)) * 4, edges.mean((1, 2, 3))], dim=1)


@pytest.mark.parametrize(
    "run",
    [
        *(Run.of(name, **KNOBS[name]) for name in SLOPES[:2]),
        Run.of("smoothgrad", samples=60, noise=0.02, absolute="after", seed=0),
        Run.of("occlusion", window=1, stride=1, fill="zero"),
        Run.of("occlusion", window=1, stride=1, fill="zero", cover="superpixels", segments=24),
        Run.of("rise", masks=1500, cells=6, kept=0.5, seed=0),
    ],
    ids=lambda run: f"{run.name}-{run.knobs.get('cover', '')}",
)
def test_a_shifted_picture_has_a_shifted_map(run: Run) -> None:
    """And neither the map as it lay nor a shuffled one passes for it."""
    given = torch.zeros(1, 3, 24, 24, dtype=torch.float64)
    given[..., 5:11, 2:8] = pixels(height=8, width=8)[..., :6, :6] + 1.5

    def found(shown: Tensor) -> Any:
        made = carry_out(run, again(shown, rolling))
        return made[0] if isinstance(made, tuple) else made

    def like(one: Any, other: Any) -> float:
        return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])

    before, after = found(given), found(given.roll((8, 12), dims=(-2, -1)))
    assert like(np.roll(after, (-2, -3), axis=(0, 1)), before) > 0.8  # superpixels and masks lie otherwise
    assert like(after, before) < 0.5
    assert like(np.random.default_rng(0).permutation(after.ravel()), before) < 0.5


@pytest.mark.parametrize("name", SLOPES)
def test_the_callers_mode_and_threads_change_nothing(classifier: Any, bert: Any, ready: Tensor, name: str) -> None:
    for model, given in ((classifier, ready), (bert[1], TEXT)):
        wanted = ask(model, given, name, 1, **KNOBS[name]).row
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                np.testing.assert_allclose(ask(model, given, name, 1, **KNOBS[name]).row, wanted, rtol=1e-5)
        texts = ["the soup", "not good", "a slow waiter smiled"]
        others = [given + 0.1 * n for n in range(3)] if isinstance(given, Tensor) else texts
        alone = [ask(model, one, name, 1, **KNOBS[name]).row for one in others]
        several: dict[int, Any] = {}

        def work(n: int, model: Any = model, others: Any = others, several: Any = several) -> None:
            several[n] = ask(model, others[n % 3], name, 1, **KNOBS[name]).row

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        for n in range(8):
            np.testing.assert_allclose(several[n], alone[n % 3], rtol=1e-4, atol=1e-6)
        assert all(one.grad is None and not one.requires_grad for one in model.module.parameters())


def hooks(model: Any) -> int:
    return sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in model.module.modules())


def test_nothing_is_left_behind_by_a_run_that_fails(bert: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, count = bert[1], []
    own = model.anatomy.forward

    def failing(ids: Tensor, mask: Tensor) -> Any:
        count.append(1)
        if len(count) > 1:
            raise RuntimeError("out of luck")
        return own(ids, mask)

    monkeypatch.setattr(model, "anatomy", replace(model.anatomy, forward=failing))
    with pytest.raises(RuntimeError, match="out of luck"):
        ask(model, TEXT, "integrated-gradients", 1)
    assert hooks(model) == 0
    assert not torch.is_inference_mode_enabled()
    assert all(one.grad is None and not one.requires_grad for one in model.module.parameters())
    assert not model.module.training


def test_memory_does_not_grow(bert: Any) -> None:
    model = bert[1]
    keep = methods()["integrated-gradients"].needs_for(steps=2)

    def graphs() -> int:
        gc.collect()
        return sum(isinstance(one, Tensor) for one in gc.get_objects())

    for _ in range(5):
        model.attend(TEXT, target=1, keep=keep)
    tensors = graphs()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        model.attend(TEXT, target=1, keep=keep)
    assert graphs() <= tensors + 2
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1_000_000


@pytest.mark.parametrize("name", SLOPES)
def test_a_run_survives_a_bundle(classifier: Any, bert: Any, ready: Tensor, tmp_path: Path, name: str) -> None:
    method = methods()[name]
    for model, given in ((classifier, ready), (bert[1], TEXT)):
        record = model.attend(given, target=1, keep=method.needs)
        opened = va.AttentionRecord.load(record.save(tmp_path / "a.npz"))
        np.testing.assert_array_equal(method(opened).row, method(record).row)
        assert method(opened).words == method(record).words


@pytest.mark.parametrize(
    ("name", "knobs", "why"),
    [
        ("input-gradients", {"times_input": True}, "input-gradients: want times_input as no or yes, got True"),
        ("integrated-gradients", {"steps": 0}, "want steps as a whole number from 1 up, got 0"),
        ("integrated-gradients", {"baseline": "black"}, "want baseline as zero or blank, got 'black'"),
        ("smoothgrad", {"noise": -1}, "smoothgrad: want noise as a share from 0 up, got -1"),
        ("smoothgrad", {"samples": "4"}, "want samples as a whole number from 1 up, got '4'"),
        ("smoothgrad", {"absolute": "never"}, "want absolute as after or before, got 'never'"),
    ],
)
def test_what_a_run_does_not_take_is_said(name: str, knobs: dict[str, Any], why: str) -> None:
    with pytest.raises(GateError, match=why):
        carry_out(Run.of(name, **{**KNOBS[name], **knobs}), again(pixels(), curved))
    with pytest.raises(GateError, match=f"{name}: want a class, target=CLASS"):
        carry_out(Run.of(name, **KNOBS[name]), again(pixels(), curved, target=None))


def test_models_without_classes_say_what_to_ask(headless: Any, tmp_path: Path, ready: Tensor) -> None:
    text_folder(tmp_path, head=False)
    wordless = va.load(f"hf:{tmp_path}")
    for name in (*SLOPES, "rise"):
        with pytest.raises(GateError, match="target: want a similarity, such as similar:6,8"):
            headless.attend(ready, keep=methods()[name].needs)
        if name != "rise":
            with pytest.raises(GateError, match="target: want a model with classes"):
                wordless.attend(TEXT, keep=methods()[name].needs)


def test_a_similarity_is_asked_about_in_single_precision_too(tmp_path: Path, headless: Any, ready: Tensor) -> None:
    model = dino(tmp_path, head=False)
    model.module.float()
    for name in ("input-gradients", "integrated-gradients"):
        wanted = ask(headless, ready, name, "similar:1,2").values
        np.testing.assert_allclose(
            ask(model, ready.float(), name, "similar:1,2").values, wanted, atol=1e-3 * wanted.max()
        )
