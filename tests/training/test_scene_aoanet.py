"""The parts of the captioner's training that could be quietly wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.captioning import trained
from training.scene_aoanet import Optimisers, Run, Stage
from training.scene_aoanet_forward import norm, refine, write
from training.scene_aoanet_learner import RELATION_WEIGHT, Learner, caption_loss, evaluate_captions, to_tensor
from training.scene_captions import HELD_OUT_SEED, Store, batch, caption_of, cells, store
from training.scene_data import halved
from vit_attention.adapters.scene_vit import RECIPE
from vit_attention.inputs.preprocess import prepare
from vit_attention.networks import scene_aoanet
from worlds.captions import VOCABULARY, caption, centre, decode, encode
from worlds.scenes import scene
from worlds.shapes import COLOURS, NAMES

TINY = [
    Stage(batch=4, steps=2, high=1.0, low=0.5, cnn=1.0, captions=False),
    Stage(batch=4, steps=2, high=1.0, low=0.5, cnn=0.0, captions=True),
    Stage(batch=4, steps=2, high=1.0, low=0.5, cnn=0.3, captions=True),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store(tmp_path_factory.mktemp("scenes"), 40, HELD_OUT_SEED, processes=1)


def test_the_vocabulary_fits_the_network() -> None:
    assert scene_aoanet.OPTIONS.vocab_size + 1 == len(VOCABULARY)
    torch.manual_seed(0)
    assert scene_aoanet.SceneAoANet().captioner.logit.weight.shape[0] == len(VOCABULARY)


def test_three_of_four_scenes_have_two_objects_and_all_are_clear(data: Store) -> None:
    two = data.truth[:, 2] >= 0
    assert two.sum() == 30
    assert ((data.truth[:, 4] >= 0) == two).all()
    for line, owner in zip(data.truth[two], data.owner[two], strict=True):
        (y1, x1), (y2, x2) = (np.argwhere(owner == k).mean(axis=0) for k in (1, 2))
        across, down = abs(x1 - x2), abs(y1 - y2)
        assert max(across, down) > 1.15 * min(across, down)  # 1.2 at full size
        said = {"left": x1 < x2, "right": x1 > x2, "above": y1 < y2, "below": y1 > y2}
        assert said[str(caption_of(line).relation)]


def test_a_batch_is_true_to_its_pixels(data: Store) -> None:
    """Relations are found again in the cells' own labels, mirrored or not; the colour of the paint is the word's."""
    made = batch(np.random.default_rng(0), data, 24)
    seen = set()
    for pixels, shapes, tokens in zip(made.pixels, made.shapes, made.tokens, strict=True):
        words = decode(tokens.tolist())
        nouns = [w for w in words if w in NAMES]
        places = []
        for noun in nouns:
            best = int(shapes[:, NAMES.index(noun)].argmax())
            row, column = divmod(best, 14)
            patch = pixels[8 * row + 2 : 8 * row + 6, 8 * column + 2 : 8 * column + 6].reshape(-1, 3)
            distance = [np.abs(np.median(patch, axis=0) - rgb).sum() for rgb in COLOURS.values()]
            assert list(COLOURS)[int(np.argmin(distance))] == words[words.index(noun) - 1]
            mass = shapes[:, NAMES.index(noun)].reshape(14, 14)
            places.append((mass.sum(0) @ np.arange(14) / mass.sum(), mass.sum(1) @ np.arange(14) / mass.sum()))
        if len(nouns) == 2:
            (x1, y1), (x2, y2) = places
            said = words[3]
            seen.add(said)
            assert {"left": x1 < x2, "right": x1 > x2, "above": y1 < y2, "below": y1 > y2}[said]
    assert len(seen) >= 3


def test_cells_are_labelled_by_what_covers_them() -> None:
    owner = np.zeros((112, 112), np.uint8)
    owner[16:32, 24:32] = 2  # fills cells (2, 3) and (3, 3)
    truth = np.array([NAMES.index("ring"), 0, NAMES.index("tee"), 5, 0])
    shapes, colours, weight = cells(owner, truth)
    assert np.flatnonzero(shapes[:, NAMES.index("tee")] == 1).tolist() == [2 * 14 + 3, 3 * 14 + 3]
    assert np.flatnonzero(colours[:, 5] == 1).tolist() == [2 * 14 + 3, 3 * 14 + 3]
    np.testing.assert_allclose(shapes.sum(axis=1), 1)
    assert shapes[0, -1] == 1
    assert sorted(np.unique(weight).tolist()) == pytest.approx([0.3, 1.0])


def test_the_training_pass_is_the_networks_own() -> None:
    torch.manual_seed(0)
    net = scene_aoanet.SceneAoANet()
    pixels, tokens = torch.randn(3, 3, 112, 112), torch.randint(1, 28, (3, 9))
    with torch.no_grad():
        mine = write(net.captioner, refine(net.captioner, net.cnn(pixels)), tokens).log_softmax(dim=-1)
        theirs = net(pixels, torch.cat([torch.zeros(3, 1, dtype=torch.long), tokens[:, :-1]], dim=1))
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)


def test_the_fused_norm_is_aoanets() -> None:
    torch.manual_seed(0)
    layer = scene_aoanet.SceneAoANet().captioner.refiner.norm  # type: ignore[union-attr]
    x = 3 * torch.randn(5, 128) + 1
    torch.testing.assert_close(norm(layer, x), (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True))


def test_words_after_the_end_do_not_count() -> None:
    tokens = torch.tensor([[*encode(["a", "red", "ring"]), 0, 0, 0]])
    scores = torch.randn(1, 6, len(VOCABULARY))
    wanted = F.cross_entropy(scores[0, :4], tokens[0, :4])
    assert caption_loss(scores, tokens) == pytest.approx(float(wanted), abs=1e-6)


def test_relations_count_more() -> None:
    tokens = torch.tensor([[*encode(["a", "above"]), 0]])
    scores = torch.randn(1, 3, len(VOCABULARY))
    each = F.cross_entropy(scores[0], tokens[0], reduction="none")
    wanted = (each[0] + RELATION_WEIGHT * each[1] + each[2]) / (2 + RELATION_WEIGHT)
    assert caption_loss(scores, tokens) == pytest.approx(float(wanted), abs=1e-6)


def test_attention_is_never_supervised(data: Store) -> None:
    """While the captioner and the CNN learn, cells' labels reach no weight of the captioner."""
    torch.manual_seed(0)
    learner = Learner()
    regions = learner.net.cnn(to_tensor(np.array(data.pixels[:2])))
    learner.shape_head(regions).sum().backward()
    assert all(p.grad is None for p in learner.net.captioner.parameters())


def test_a_frozen_network_stays_as_it_is(tmp_path: Path, data: Store) -> None:
    run = Run(tmp_path, data, data, seed=0)
    before = {k: v.clone() for k, v in run.learner.net.cnn.state_dict().items()}
    first = run.learner.net.captioner.ctx2att.weight.detach().clone()
    run.train([TINY[1]], warm_up=1)
    for name, value in run.learner.net.cnn.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)
    assert not torch.equal(run.learner.net.captioner.ctx2att.weight, first)


def test_flattened_convolutions_are_updated_in_place(data: Store) -> None:
    torch.manual_seed(0)
    learner = Learner()
    optimisers = Optimisers(learner, TINY[0])
    weight = learner.net.cnn.layers[1][0].weight  # type: ignore[index]
    before = weight.detach().clone()
    weight.grad = torch.randn_like(weight)
    optimisers.hand_over()
    for optimiser, _ in optimisers.all:
        optimiser.step()
    moved = before - weight
    assert float((moved * weight.grad).detach().sum()) > 0


def test_a_run_is_resumed_where_it_stopped(tmp_path: Path, data: Store) -> None:
    whole, half, rest = (Run(tmp_path / name, data, data, seed=3) for name in ("whole", "half", "half"))
    whole.out.mkdir()
    half.out.mkdir()
    whole.train(TINY, warm_up=1)
    half.train(TINY[:2], warm_up=1)
    rest.resume()
    assert rest.step == 4
    for mine, theirs in ((rest.learner, half.learner), (rest.average, half.average)):
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(mine.state_dict()[name], value, atol=0, rtol=0)
    rest.train(TINY, warm_up=1)
    assert rest.step == whole.step == 6
    log = (tmp_path / "half" / "log.jsonl").read_text()
    assert '"pairs"' in log


def test_resuming_inside_a_stage_keeps_momentum(tmp_path: Path, data: Store) -> None:
    run, again = (Run(tmp_path, data, data, seed=3) for _ in range(2))
    run.train(TINY[:1], warm_up=1)
    again.resume()
    longer = Stage(batch=4, steps=3, high=1.0, low=0.5, cnn=1.0, captions=False)
    again.train([longer], warm_up=1)
    steps = {int(state["step"]) for state in again.optimisers[-1][0].state.values()}
    assert steps == {3}


def test_what_is_exported_is_what_was_averaged(tmp_path: Path, data: Store) -> None:
    run = Run(tmp_path, data, data, seed=0)
    run.train(TINY[:1], warm_up=1)
    path = run.export()
    assert path.stat().st_size < 6e6
    pixels = to_tensor(np.array(data.pixels[:2]))
    run.average.eval()
    with torch.no_grad():
        torch.testing.assert_close(trained(path).cnn(pixels), run.average.net.cnn(pixels), atol=2e-2, rtol=2e-2)
        assert set(evaluate_captions(run.average, data, 12)) == {"pairs", "relation", "nouns"}


def test_scenes_are_halved_as_the_model_prepares_them() -> None:
    made = scene(9, objects=2)
    mine = to_tensor(halved(made.pixels)[None])[0].numpy()
    theirs, _ = prepare(made.picture, RECIPE)
    assert np.abs(mine - theirs).max() < 0.02  # one grey level of 255 is 0.016 after normalising
    assert (RECIPE.mean[0], RECIPE.std[0]) == (scene_aoanet.MEAN, scene_aoanet.STD)


def test_a_mirrored_line_of_the_store_is_the_mirrored_scene() -> None:
    made = scene(2, objects=2)
    said = caption(made)
    things = [(NAMES.index(t.shape), list(COLOURS).index(t.colour)) for t in made.things]
    for relation, turned in (("left", "right"), ("above", "above")):
        line = np.array([*things[0], *things[1], ["left", "right", "above", "below"].index(relation)])
        assert caption_of(line).relation == relation
        assert caption_of(line, swapped=True).relation == turned
    assert centre(made.things[0])[1] < centre(made.things[1])[1]
    assert said.relation == "above"
