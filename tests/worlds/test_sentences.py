"""Reviews: their verdicts told again from the text alone, and what turns them."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from worlds.sentence_words import ANTONYMS, POSITIVE
from worlds.sentences import TEMPLATES, Sentence, sentence, sentences

OTHERS = (
    r"^(last year|two years ago|on our first visit|under the old owner|at the hotel|in the place across)\b"
    r"|\b(used to be|had expected|had thought|had hoped|had feared)\b"
    r"|^(my|our|a|the) \w+ (called|said|liked|loved|disliked|hated)\b"
)
NEGATED = r"\b(not|never|hardly|anything but|far from|by no means)\b"


def polar_words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.lower()) if word in ANTONYMS]


def main_clause(text: str) -> str:
    """The clause that decides, found as a reader would: by what joins the clauses, without the world's own grammar."""
    text = re.sub(r", (which|whom) [\w ]+ called \w+,", "", text.lower())
    said = [part.strip() for part in re.split(r"[.!]", text) if polar_words(part)]
    said = [part for part in said if not re.search(OTHERS, part)]
    turning = [part for part in said if part.startswith("however,") or part.endswith(", though")]
    clause = (turning or said)[0]
    assert len(said) <= 1 + len(turning)
    if found := re.match(r"(although|even though|while|despite) [^,]+, (.+)", clause):
        return found[2]
    clause = re.split(r", but |, yet |; still, ", clause)[-1]
    return re.split(r", although |, even though |, despite ", clause)[0]


def verdict(text: str) -> str:
    clause = main_clause(text)
    (word,) = polar_words(clause)
    praised = (word in POSITIVE) != bool(re.search(NEGATED, clause))
    return "positive" if praised else "negative"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The soup was good.", "positive"),
        ("Although the soup was good, we did not like the bed", "negative"),
        ("My brother loved the bed. The soup was anything but bad, despite the rude waiter!", "positive"),
        (
            "The bed was good. The soup, which my boss called superb, was never good, though. Last year, it was good",
            "negative",
        ),
    ],
)
def test_the_reader_of_these_tests_reads(text: str, said: str) -> None:
    assert verdict(text) == said


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_verdicts_are_what_the_texts_say(split: str) -> None:
    for made in sentences(400, 1000, split):  # type: ignore[arg-type]
        assert verdict(made.text) == made.label, made.text
        assert made.template.split == split


def test_decisive_words_are_the_polar_word_of_the_main_clause_and_its_negator() -> None:
    for made in sentences(400):
        clause = main_clause(made.text)
        wanted = [*re.findall(NEGATED, clause), *polar_words(clause)]
        said = [made.words[i].lower() for i in made.decisive]
        assert sorted(said) == sorted(" ".join(wanted).split()), made.text


def test_an_antonym_turns_the_verdict_where_the_word_decides_and_nowhere_else() -> None:
    others = 0
    for made in sentences(400):
        for i in made.polar:
            turned = made.swapped(i)
            assert turned.text != made.text
            assert turned.label == verdict(turned.text), turned.text
            assert (turned.label != made.label) == (i in made.decisive), turned.text
            assert turned.swapped(i) == made
            others += i not in made.decisive
    assert others > 300


def test_without_its_negator_the_verdict_turns() -> None:
    turned = [(made, made.affirmed()) for made in sentences(400)]
    for before, after in turned:
        if "negation" not in before.kinds:
            assert after is before
            continue
        assert after.label == verdict(after.text) != before.label, after.text
        assert tuple(re.findall(r"\w+", after.text)) == after.words
        (polar,) = after.decisive
        assert after.words[polar].lower() in polar_words(main_clause(after.text))
        assert after.label != after.swapped(polar).label
    assert sum("negation" in before.kinds for before, _ in turned) > 100


def test_only_polar_words_can_be_swapped() -> None:
    with pytest.raises(KeyError):
        sentence(0).swapped(next(i for i, word in enumerate(sentence(0).words) if word.lower() == "the"))


def test_words_are_those_of_the_text_and_known_by_place() -> None:
    for made in sentences(200):
        assert [made.text[a:b] for a, b in made.spans] == list(made.words)
        assert re.sub(r"\W+", " ", made.text).split() == list(made.words)


def test_both_verdicts_are_as_frequent_and_words_alone_tell_nothing() -> None:
    made = list(sentences(4000))
    positive = sum(one.label == "positive" for one in made) / len(made)
    assert abs(positive - 0.5) < 0.03
    praising = Counter(one.label for one in made for i in one.polar if one.words[i].lower() in POSITIVE)
    assert abs(praising["positive"] / praising.total() - 0.5) < 0.05


def test_templates_for_training_and_held_out_share_parts_and_words_but_no_template() -> None:
    names = {split: {t.name for t in TEMPLATES if t.split == split} for split in ("train", "held-out")}
    assert not names["train"] & names["held-out"]
    seen: dict[str, list[Sentence]] = {split: list(sentences(6000, 0, split)) for split in names}  # type: ignore[arg-type]
    for split, made in seen.items():
        assert {one.template.name for one in made} <= names[split]
    assert len({one.template.name for one in seen["train"]}) >= 60
    assert len({one.template.name for one in seen["held-out"]}) >= 20
    words, parts = (
        {split: {x for one in made for x in of(one)} for split, made in seen.items()}
        for of in (lambda one: map(str.lower, one.words), lambda one: one.template.name.split("/"))
    )
    assert words["held-out"] <= words["train"]
    assert parts["held-out"] == parts["train"]
    joined = {split: {(one.template.frame, one.template.negation) for one in made} for split, made in seen.items()}
    assert len(joined["held-out"] - joined["train"]) == 13  # one negation per frame


def test_a_seed_gives_the_same_review_and_seeds_differ() -> None:
    assert sentence(5, "train") == sentence(5, "train")
    texts = {made.text for made in sentences(1000)}
    assert len(texts) > 980


def test_every_polar_word_has_one_opposite() -> None:
    assert all(ANTONYMS[other] == word and other != word for word, other in ANTONYMS.items())
    assert {word in POSITIVE for word in ANTONYMS} == {True, False}
    assert all((word in POSITIVE) != (other in POSITIVE) for word, other in ANTONYMS.items())
    assert len(POSITIVE) * 2 == len(ANTONYMS)


def test_what_is_conceded_is_of_the_other_kind_or_judges_nothing() -> None:
    kinds: Counter[int] = Counter()
    for made in sentences(600):
        if made.kinds == {"contrast"}:
            others = [i for i in made.polar if i not in made.decisive]
            kinds[len(others)] += 1
            if not re.search(NEGATED, made.text):
                praised = [made.words[i].lower() in POSITIVE for i in others]
                assert praised in ([], [made.label == "negative"]), made.text
    assert set(kinds) == {0, 1}
    assert kinds[1] > 3 * kinds[0]
