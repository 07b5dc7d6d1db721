"""The parts of training that could be quietly wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.muon import Muon, orthogonalise
from training.scene_data import HELD_OUT_SEED, TRAIN_SEED, batch, halved, patch_labels, store
from training.scene_vit import Learner, Run, Stage, to_tensor
from training.scene_vit_forward import forward
from vit_attention.adapters.scene_vit import RECIPE
from vit_attention.capture import listening
from vit_attention.inputs.preprocess import prepare
from worlds.scenes import scene
from worlds.shapes import NAMES


def test_orthogonalise_is_near_the_polar_factor() -> None:
    matrices = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    # The quintic iteration brings singular values to about 0.7 to 1.2, not to 1: the direction is what counts.
    mine = orthogonalise(matrices)
    cosine = (mine * (u @ v)).sum((-2, -1)) / mine.norm(dim=(-2, -1)) / (u @ v).norm(dim=(-2, -1))
    assert cosine.min() > 0.95
    values = torch.linalg.svdvals(mine)
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_muon_goes_downhill_and_takes_qkv_as_three_matrices() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(24, 8))
    goal = torch.randn(24, 8)
    optimiser = Muon([weight], lr=0.15, weight_decay=0)
    start = float((weight.detach() - goal).square().mean())
    for _ in range(60):
        optimiser.zero_grad()
        (weight - goal).square().mean().backward()
        optimiser.step()
    assert float((weight.detach() - goal).square().mean()) < 0.2 * start


def test_the_training_pass_is_the_models_own() -> None:
    torch.manual_seed(0)
    learner = Learner().eval()
    pixels = to_tensor(np.random.default_rng(0).integers(0, 255, (2, 112, 112, 3), dtype=np.uint8))
    heard: list[torch.Tensor] = []
    with torch.no_grad():
        tokens, deep = forward(learner.net, pixels, (0, 0), deep=6)
        with listening(list(learner.net.encoder.layers), heard.append):
            scores = learner.net(pixels)
    torch.testing.assert_close(learner.net.heads(tokens[:, 0]), scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(deep, heard[5], atol=1e-5, rtol=0)


def test_early_heads_begin_by_looking_at_one_neighbour() -> None:
    """Head k of the first layer reads the patch at its own offset most, on a grey picture, wherever it exists."""
    import vit_attention as va
    from training.scene_vit_forward import OFFSETS

    torch.manual_seed(0)
    learner = Learner().eval()
    with torch.no_grad(), va.capture(learner.net, layers=[0]) as seen:
        learner.net(torch.zeros(1, 3, 112, 112))
    patches = seen[0].weights[0, :, 1:, 1:]
    for head, (dy, dx) in enumerate(OFFSETS):
        for row, column in ((5, 5), (2, 9), (11, 3)):
            strongest = int(patches[head, row * 14 + column].argmax())
            assert divmod(strongest, 14) == (row + dy, column + dx)


def test_scenes_are_halved_as_the_model_prepares_them() -> None:
    made = scene(9)
    mine = to_tensor(halved(made.pixels)[None])[0].numpy()
    theirs, _ = prepare(made.picture, RECIPE)
    assert np.abs(mine - theirs).max() < 0.02  # one grey level of 255 is 0.016 after normalising


def test_batches_tell_the_truth(tmp_path: Path) -> None:
    data = store(tmp_path, 12, HELD_OUT_SEED, processes=1)
    again = store(tmp_path, 12, HELD_OUT_SEED)
    np.testing.assert_array_equal(data.pixels, again.pixels)
    first = scene(HELD_OUT_SEED)
    assert data.classes[0][0] == NAMES.index(first.things[0].shape)
    made = batch(np.random.default_rng(0), data, 6, 14)
    assert made.pixels.shape == (6, 112, 112, 3)
    np.testing.assert_allclose(made.patches.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(made.image.sum(-1), 1, atol=1e-5)
    window = batch(np.random.default_rng(1), data, 6, 7)
    assert window.pixels.shape == (6, 56, 56, 3)
    assert max(window.place) <= 7


def test_the_best_covered_patch_carries_the_class(tmp_path: Path) -> None:
    data = store(tmp_path, 4, HELD_OUT_SEED, processes=1)

    made = batch(np.random.default_rng(3), data, 8, 14)
    for patches, image in zip(made.patches, made.image, strict=True):
        for c in np.flatnonzero(image):
            assert patches[:, c].max() > 0.9


def test_sharp_labels_leave_the_rim_to_the_ground() -> None:
    cover = np.array([0.0, 0.1, 0.3, 0.6, 0.8])
    np.testing.assert_allclose(patch_labels(cover, sharp=True), [0, 0, (0.375 - 0.35) / 0.4, 1, 1], atol=1e-9)
    np.testing.assert_allclose(patch_labels(cover, sharp=False), [0, 0.17, 0.51, 1, 1])


def test_seeds_never_meet() -> None:
    from benchmarks.localisation import FIRST_SEED

    assert TRAIN_SEED + 10**8 < HELD_OUT_SEED < HELD_OUT_SEED + 10**8 < FIRST_SEED


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_run_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    data = store(tmp_path / "scenes", 12, HELD_OUT_SEED, processes=1)
    torch.set_num_threads(1)
    run = Run(tmp_path, data, data, seed=0)
    stage = Stage(cells=5, batch=4, steps=3, high=1, low=0.5, patch_weight=1)
    for _ in range(3):
        run.one(stage, 0.1)
    run.save()
    import vit_attention as va

    exported = va.load("scene-vit", weights=run.export())
    kept = run.average.net.conv_proj.weight
    torch.testing.assert_close(exported.module.conv_proj.weight, kept, atol=1e-3, rtol=0)
    later = Run(tmp_path, data, data, seed=1)
    later.resume()
    assert later.step == 3
    for a, b in zip(run.learner.parameters(), later.learner.parameters(), strict=True):
        torch.testing.assert_close(a, b)
