"""Runs that take part in the pass: in batches, together, in threads, and after one of them has failed, as if alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vit_attention as va
from tests.vit_attention.folders import text_folder
from tests.vit_attention.models import plain_vit as plain
from visualizer import methods
from vit_attention import signals
from vit_attention.gate import GateError
from vit_attention.models.model import BudgetError
from vit_attention.records import Run
from vit_attention.signals import given

TEXTS = ["The soup was not good, the waiters slowed!", "Never good."]
RIDES = sorted(
    name for name, one in methods().items() if any(isinstance(run, Run) and signals.rides(run) for run in one.needs)
)


@pytest.fixture(scope="module")
def model() -> Any:
    return plain.build()


def left(module: torch.nn.Module) -> list[Any]:
    """What a pass may leave behind: hooks, modes of parts, gradients of parameters and whether they want one."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    found: list[Any] = [[len(getattr(part, name)) for name in hooks] + [part.training] for part in module.modules()]
    return [*found, [(id(one), one.requires_grad, one.grad is None) for one in module.parameters()]]


def test_there_are_some() -> None:
    assert {"grad-cam", "legrad", "decision-flow"} <= {*RIDES}


@pytest.mark.parametrize("name", RIDES)
def test_a_batch_of_pictures_is_each_alone(model: Any, name: str) -> None:
    keep, given = methods()[name].needs, [plain.pixels(seed) for seed in range(3)]
    for target in (2, None):  # without one each is asked about its own likeliest class
        together = model.attend_many(given, batch=3, keep=keep, target=target)
        for one, own in zip(together, given, strict=True):
            alone = model.attend(own, keep=keep, target=target)
            assert one.prediction.target == alone.prediction.target
            np.testing.assert_allclose(one.signals[name], alone.signals[name], atol=1e-7)


@pytest.mark.parametrize("name", RIDES)
def test_a_batch_of_similarities_is_each_alone(model: Any, name: str) -> None:
    keep, given = methods()[name].needs, [plain.pixels(seed) for seed in range(2)]
    together = model.attend_many(given, batch=2, keep=keep, target="similar:1,1")
    for one, own in zip(together, given, strict=True):
        alone = model.attend(own, keep=keep, target="similar:1,1").signals[name]
        np.testing.assert_allclose(one.signals[name], alone, atol=1e-7)


@pytest.mark.parametrize("name", RIDES)
def test_a_padded_text_is_the_text(tmp_path: Path, name: str) -> None:
    text_folder(tmp_path, "bert")
    model = va.load(f"hf:{tmp_path}")
    # The last block's first norm of a post-norm family is behind its attention, where only the class token counts.
    keep = methods()[name].needs_for(**({"above": 1} if name == "grad-cam" else {}))
    for one, text in zip(model.attend_many(TEXTS, batch=2, keep=keep, target=1), TEXTS, strict=True):
        alone = model.attend(text, keep=keep, target=1)
        np.testing.assert_allclose(one.signals[name], alone.signals[name], atol=1e-6, rtol=1e-3)


def test_all_together_give_what_each_gives_alone(model: Any) -> None:
    """Beside gradients of the weights, of which each run must have a graph of its own."""
    needs = frozenset().union(*(methods()[name].needs for name in RIDES))
    for more in (set(), {"gradients"}, {"hidden"}):
        record = model.attend(plain.pixels(), target=1, keep=needs | more)
        for name in RIDES:
            alone = model.attend(plain.pixels(), target=1, keep=methods()[name].needs)
            np.testing.assert_allclose(record.signals[name], alone.signals[name], atol=1e-9)
            assert not alone.has("gradients")
        if "gradients" in more:
            plainly = model.attend(plain.pixels(), target=1)
            for mine, theirs in zip(record.gradients, plainly.gradients, strict=True):
                np.testing.assert_allclose(mine, theirs, atol=1e-9)


@pytest.mark.parametrize("name", RIDES)
def test_which_layers_heads_and_rows_a_record_keeps_changes_nothing(model: Any, name: str) -> None:
    keep = methods()[name].needs
    wanted = model.attend(plain.pixels(), target=1, keep=keep)
    some = model.attend(plain.pixels(), target=1, keep=keep, layers=[1], heads=[0], queries=[0, 3], half=True)
    assert [one.weights.shape for one in some.maps] == [(1, 2, 5)]
    np.testing.assert_allclose(some.signals[name], wanted.signals[name], atol=1e-9)
    np.testing.assert_allclose(wanted.maps[1].weights, model.attend(plain.pixels()).maps[1].weights, atol=1e-9)


@pytest.mark.parametrize("name", RIDES)
def test_modes_hooks_and_parameters_are_left_as_found(model: Any, name: str) -> None:
    before = left(model.module)
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            grad = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
            record = model.attend(plain.pixels(), target=1, keep=methods()[name].needs)
            assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == grad
        assert left(model.module) == before
        assert np.isfinite(record.signals[name]).all()


def test_a_run_that_fails_behind_the_pass_leaves_nothing_behind(model: Any) -> None:
    """All tokens but the class token that leave the last block have no gradient, and Grad-CAM says so."""
    before = left(model.module)
    keep = [*methods()["grad-cam"].needs_for(at="output"), *methods()["legrad"].needs]
    with torch.no_grad():
        with pytest.raises(GateError, match="grad-cam: want a place from which tokens still have an effect"):
            model.attend(plain.pixels(), target=1, keep=keep)
        assert not torch.is_grad_enabled()
    assert left(model.module) == before


@pytest.mark.parametrize("name", RIDES)
def test_a_pass_that_fails_leaves_nothing_behind(model: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise ValueError("the head is broken")

    before = left(model.module)
    with monkeypatch.context() as patch:
        patch.setattr(model.module.heads.head, "forward", broken)
        with pytest.raises(ValueError, match="the head is broken"):
            model.attend(plain.pixels(), target=1, keep=methods()[name].needs)
    assert left(model.module) == before
    assert np.isfinite(model.attend(plain.pixels(), target=1, keep=methods()[name].needs).signals[name]).all()


def test_a_network_of_which_a_layer_was_not_captured_is_refused() -> None:
    passed = given.After(torch.zeros(()), lambda tokens: tokens.sum(), [], *[torch.ones(1, 5, dtype=torch.bool)] * 2)
    with pytest.raises(GateError, match="keep: want 2 layers that are captured with their weights, got 0"):
        passed.of_blocks(given.Net((), 1, 2))


@pytest.mark.parametrize("name", RIDES)
def test_eight_threads_each_with_its_own_picture(model: Any, name: str) -> None:
    def attend(seed: int) -> Any:
        return model.attend(plain.pixels(seed % 4), target=seed % 3, keep=methods()[name].needs).signals[name]

    before, alone = left(model.module), [attend(seed) for seed in range(12)]
    with ThreadPoolExecutor(8) as pool:
        for mine, theirs in zip(pool.map(attend, range(12)), alone, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-9)
    assert left(model.module) == before


@pytest.mark.parametrize("name", RIDES)
def test_the_graph_of_a_whole_pass_counts_whatever_is_kept(model: Any, name: str) -> None:
    few = {"layers": [0], "heads": [0], "queries": [0], "half": True, "target": 1, "keep": methods()[name].needs}
    with pytest.raises(BudgetError, match=r"for gradients\. Give a smaller input, or raise budget="):
        model.attend(plain.pixels(), **few, budget=1200)  # the graph holds 3 layers, 2 heads and 5 x 5 weights twice
    assert model.attend(plain.pixels(), **few, budget=10_000).signals[name].size
