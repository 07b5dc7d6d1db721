"""The encoder of reviews: what it learns from, its tokenizer, its run, and the folder that ships."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training.review_bag import bag_accuracy, grams
from training.review_data import MASK, SILENT, Example, examples, held_out, lengthened, positions, unreadable
from training.review_encoder import Run, Stage, accuracy, export, network
from training.review_tokens import LONGEST, SIZE, build
from vit_attention.models.cards import BUNDLED
from worlds.sentence_clauses import NEGATIONS
from worlds.sentence_words import ANTONYMS
from worlds.sentences import sentences

# isort: split
from transformers import BertForSequenceClassification, BertTokenizerFast  # after the library's own remedy

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
FOLDER = BUNDLED / "review-encoder"


@pytest.fixture(scope="module")
def learnt() -> list[Example]:
    return examples(300)


@pytest.fixture(scope="module")
def tokenizer(learnt: list[Example]) -> Any:
    return build(one.text for one in learnt)


def test_edited_reviews_break_the_bond_between_what_is_conceded_and_the_verdict() -> None:
    """Unedited, the only polar word besides the decisive one is always of the other kind; edited, in part of them not."""
    plain = {made.text for made in sentences(400, 1_000_000_000, "train")}
    made = examples(400)
    assert 0.4 < np.mean([one.text in plain for one in made]) < 0.7
    assert abs(np.mean([one.label for one in made]) - 0.5) < 0.1


def test_nothing_that_decides_is_made_unreadable() -> None:
    negators = {word.strip("~") for words in NEGATIONS.values() for word in words.split()}
    assert not SILENT & (set(ANTONYMS) | negators | {"although", "despite", "though", "however", "still", "yet"})
    rng = np.random.default_rng(0)
    gone, before = 0, 0
    for made in sentences(100):
        hidden = unreadable(rng, made.text)
        kept = re.findall(r"\w+", hidden)
        for word in made.words:
            if word.lower() in SILENT:
                before += 1
                gone += word not in kept
            else:
                assert word in kept, (made.text, hidden)
        assert [sign for sign in hidden if sign in ".,;!"] == [sign for sign in made.text if sign in ".,;!"]
    assert 0.1 < gone / before < 0.3
    assert any(MASK in unreadable(rng, made.text) for made in sentences(10))


def test_a_lengthened_review_is_in_it_whole() -> None:
    rng = np.random.default_rng(0)
    text = "The soup was not good"
    long = lengthened(rng, text, 5)
    assert text + "." in long
    assert len(re.findall(r"\.", long)) == 6
    assert not set(re.findall(r"\w+", long.replace(text, "").lower())) & set(ANTONYMS)
    assert lengthened(rng, text, 0) == text


def test_half_of_the_texts_begin_late_and_none_ends_too_late() -> None:
    place = positions(np.random.default_rng(0), (400, 20), 512, 0.5)
    assert (place[:, 0] == 0).all()
    assert (np.diff(place[:, 1:]) == 1).all()
    assert place.max() < 512
    assert 0.4 < (place[:, 1] > 1).mean() < 0.6
    assert place.max() > 500


def test_bags_tell_what_words_tell_and_no_more() -> None:
    def taught(text: str, label: int) -> list[Example]:
        return [Example(text, label, 0)] * 4

    learnt = [*taught("soup good", 1), *taught("soup bad", 0), *taught("not good soup", 0), *taught("not bad soup", 1)]
    assert grams("Not good, not bad.", 2)["not good"] == 1
    assert grams("Not good, not bad.", 1) == {"not": 2, "good": 1, "bad": 1}
    assert bag_accuracy(learnt, learnt, 2) == 1
    assert bag_accuracy(learnt[:8], learnt[:8]) == 1
    assert bag_accuracy(learnt, learnt) <= 0.75  # a negation turns the word round: no sum of words tells all four


def test_any_english_word_is_spelled(tokenizer: Any) -> None:
    said = "Jalapeño; xylophones aren't quixotic, 42% of 1908!"
    assert "[UNK]" not in tokenizer.tokenize(said)
    assert len(tokenizer.tokenize("quixotic")) > 1
    whole = tokenizer.convert_tokens_to_string(tokenizer.tokenize("the quixotic waiter"))
    assert whole == "the quixotic waiter"
    assert tokenizer.tokenize("THE Soup") == tokenizer.tokenize("the soup")


def test_a_run_learns_is_resumed_and_exported(tmp_path: Path, learnt: list[Example], tokenizer: Any) -> None:
    stages = [Stage(batch=4, steps=2, high=1.0, low=0.5, kinds=1), Stage(batch=4, steps=2, high=0.5, low=0.1, long=1.0)]
    whole, half, rest = (
        Run(tmp_path / name, learnt, held_out(20), tokenizer, seed=3, **TINY) for name in ("whole", "half", "half")
    )
    whole.out.mkdir()
    half.out.mkdir()
    whole.train(stages, warm_up=1)
    half.train(stages[:1], warm_up=1)
    rest.resume()
    rest.train(stages, warm_up=1)
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(rest.average.state_dict()[name], value)
    assert '"held_out"' in (tmp_path / "half" / "log.jsonl").read_text()

    folder = export(whole.average, tokenizer, tmp_path / "review-encoder")
    net = BertForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    mine = accuracy(whole.average, tokenizer, held_out(20))
    assert accuracy(net, BertTokenizerFast.from_pretrained(folder), held_out(20)) == mine


def test_reviews_of_a_first_stage_have_one_difficulty(tmp_path: Path, learnt: list[Example], tokenizer: Any) -> None:
    run = Run(tmp_path, learnt, [], tokenizer, seed=0, **TINY)
    assert {one.kinds for one in run.learnt[1]} == {0, 1}
    assert {one.kinds for one in run.learnt[3]} == {0, 1, 2, 3}


def test_positions_begin_as_different_sines() -> None:
    table = network(20, **TINY).bert.embeddings.position_embeddings.weight
    assert table.shape == (512, 16)
    assert float(torch.pdist(table.detach()).min()) > 1e-3


@pytest.fixture(scope="module")
def shipped() -> tuple[Any, Any]:
    net = BertForSequenceClassification.from_pretrained(FOLDER, dtype=torch.float32)
    return net.eval(), BertTokenizerFast.from_pretrained(FOLDER)


def test_what_ships_reads_reviews_of_templates_that_it_never_saw(shipped: tuple[Any, Any]) -> None:
    net, tokenizer = shipped
    asked = held_out(600, 3_500_000_000)
    assert accuracy(net, tokenizer, asked) >= 0.97
    assert net.config.id2label == {0: "negative", 1: "positive"}
    assert net.config.max_position_embeddings == LONGEST
    assert (FOLDER / "model.safetensors").stat().st_size < 2_000_000


def test_what_ships_is_turned_by_what_decides(shipped: tuple[Any, Any]) -> None:
    net, tokenizer = shipped
    asked = []
    for made in sentences(150, 3_600_000_000, "held-out"):
        asked += [Example.of(made.swapped(i)) for i in made.polar] + [Example.of(made.affirmed())]
    assert accuracy(net, tokenizer, asked) >= 0.95


def test_what_ships_reads_late_and_with_words_hidden(shipped: tuple[Any, Any]) -> None:
    net, tokenizer = shipped
    rng = np.random.default_rng(0)
    asked = [one._replace(text=unreadable(rng, one.text)) for one in held_out(200, 3_700_000_000)]
    assert accuracy(net, tokenizer, asked) >= 0.95
    long = [one._replace(text=lengthened(rng, one.text, 30)) for one in held_out(60, 3_700_000_000)]
    assert accuracy(net, tokenizer, long) >= 0.9


def test_the_vocabulary_that_ships_has_whole_words_parts_and_letters(shipped: tuple[Any, Any]) -> None:
    _, tokenizer = shipped
    assert len(tokenizer) == SIZE
    words = {word.lower() for made in sentences(2000) for word in made.words}
    split = {word for word in words if len(tokenizer.tokenize(word)) > 1}
    assert 0.03 < len(split) / len(words) < 0.25
    assert "[UNK]" not in tokenizer.tokenize(" ".join(words))
    lines = (FOLDER / "vocab.txt").read_text().split()
    assert [tokenizer.convert_tokens_to_ids(one) for one in lines] == list(range(len(lines)))
    assert tokenizer.tokenize("Zyzzyva") == ["z", "##y", "##z", "##z", "##y", "##v", "##a"]
