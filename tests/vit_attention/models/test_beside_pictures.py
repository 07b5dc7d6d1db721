"""A text beside pictures: gradients of the similarity by the text encoder's own weights, and which token its score is read off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vit_attention as va
from tests.vit_attention.folders import dual_folder, picture
from tests.vit_attention.models.test_speaking import slope
from visualizer.method import methods
from vit_attention.gate import GateError
from vit_attention.inputs.pictures import PictureError

RELEVANCE = methods()["relevance"]
TEXT = "red ring"


@pytest.fixture(scope="module", params=["clip", "siglip"])
def both(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    """A dual encoder in double precision, its text encoder beside two pictures, and their embeddings."""
    folder = tmp_path_factory.mktemp(request.param)
    dual_folder(folder, request.param)
    model: Any = va.load(f"hf:{folder}")
    pictures = [picture(), picture().rotate(180)]
    beside = model.about_pictures(pictures)
    with torch.no_grad():
        vectors = torch.cat([model.space.picture(model.prepare(one).pixels) for one in pictures])
    model.module.double()
    return model, beside, torch.nn.functional.normalize(vectors, dim=-1).double()


def score(model: Any, vectors: Any, number: int) -> Any:
    """Scale x cosine + bias, with the library's own network."""
    ready, module = model.text.prepare(TEXT), model.module
    clip = module.config.model_type == "clip"
    pooled = module.text_model(
        input_ids=ready.ids, **({"attention_mask": ready.mask.long()} if clip else {})
    ).pooler_output
    found = module.text_projection(pooled) if clip else pooled
    cosine = torch.nn.functional.cosine_similarity(found[0], vectors[number], dim=0)
    return module.logit_scale.exp() * cosine + (0 if clip else module.logit_bias[0])


def test_gradients_are_differences_of_the_score(both: tuple[Any, Any, Any]) -> None:
    model, beside, vectors = both
    for target in (0, 1):
        record = beside.attend(TEXT, target=target)
        assert float(record.prediction.scores[target]) == pytest.approx(float(score(model, vectors, target)), rel=1e-5)
        for layer, one in enumerate(record.maps):
            assert one.gradient is not None
            assert one.gradient.any()
            # Off what may be looked at, a causal encoder has no weight to change.
            for entry in ((0, 1, 0), (1, 3, 2), (1, 3, 3)):
                want = slope(lambda target=target: score(model, vectors, target), layer, entry)  # type: ignore[misc]
                assert one.gradient[entry] == pytest.approx(want, rel=2e-4, abs=1e-6)


def test_relevance_is_the_row_of_the_token_that_the_score_is_read_off(
    both: tuple[Any, Any, Any], tmp_path: Path
) -> None:
    _, beside, _ = both
    record = beside.attend(TEXT, target="picture 2", keep=RELEVANCE.needs)
    whole = np.eye(len(record.maps[0].query))
    for weights, gradient in zip(record.layers, record.gradients, strict=True):
        whole = whole + np.maximum(weights * gradient, 0).mean(0) @ whole
    found = RELEVANCE(record)
    np.testing.assert_allclose(found.row, whole[-1], rtol=1e-5)
    assert "for the class picture 2, asked by token" in found.words
    read = va.AttentionRecord.load(record.save(tmp_path / "text.npz"))
    np.testing.assert_array_equal(RELEVANCE(read).row, found.row)
    assert read.settings["pictures"] == ["picture 1", "picture 2"]
    assert not np.allclose(RELEVANCE(beside.attend(TEXT, target=0)).row, found.row)


def test_what_lies_behind_the_blocks_gives_the_scores(both: tuple[Any, Any, Any]) -> None:
    _, beside, _ = both
    states = torch.from_numpy(beside.hidden_states(TEXT))
    scores = beside.anatomy.tail(states[-1:].double())[0].detach().numpy()
    np.testing.assert_allclose(scores, beside.attend(TEXT).prediction.scores, rtol=1e-4)


def test_texts_of_several_lengths_are_what_each_is_alone() -> None:
    beside = va.load("scene-clip").about_pictures(["scene-7", "scene-8"])
    texts = ["a red ring", "a ring", "a blue square"]
    for record, text in zip(beside.attend_many(texts, target=1, progress=False), texts, strict=True):
        alone = beside.attend(text, target=1)
        assert record.text == text
        np.testing.assert_allclose(RELEVANCE(record).row, RELEVANCE(alone).row, rtol=1e-4, atol=1e-6)
    ids = beside.tokenizer("a red ring", return_tensors="pt")
    ids["attention_mask"][0, -1] = 0
    with pytest.raises(
        va.GateError, match="text: want tokens that all count, beside pictures, got some that are masked"
    ):
        beside.attend(ids)


def test_what_a_text_lacks_is_said() -> None:
    model = va.load("scene-clip")
    assert "needs a class" in RELEVANCE.unfit(model.attend(TEXT))
    with pytest.raises(va.GateError, match="pictures: want at least one, got none"):
        model.attend(TEXT, pictures=[])
    with pytest.raises(va.GateError, match=r"pictures: want a text .* beside them, got a picture"):
        model.attend(va.open_picture("scene-7").image, pictures=["scene-7"])
    with pytest.raises(PictureError):
        model.attend(TEXT, pictures=["nowhere.png"])
    np.testing.assert_allclose(
        model.attend(TEXT, pictures=["scene-7", "scene-8"]).prediction.scores,
        model.space.scale * model.similarity(["scene-7", "scene-8"], TEXT)[:, 0],
        rtol=1e-5,
    )


@pytest.mark.parametrize("name", ["relevance", "attnlrp", "input-gradients"])
def test_a_text_alone_is_told_what_it_lacks(name: str) -> None:
    with pytest.raises(GateError, match=r"target: want pictures beside the text as its classes, pictures=.*, got none"):
        va.load("scene-clip").attend("a red ring", keep=methods()[name].needs)
