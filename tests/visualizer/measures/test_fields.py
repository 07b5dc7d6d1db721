from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import vit_attention.compat  # noqa: F401  before transformers
from visualizer.measures.fields import DEEPEST, as_json, canonical, fields, kind, pretty
from worlds.receipts import form, receipt

RECEIPT = [
    "<s_store>",
    "▁north",
    "▁din",
    "er",
    "</s_store>",
    "<s_menu>",
    "<s_nm>",
    "▁ic",
    "ed",
    "▁lat",
    "te",
    "</s_nm>",
    "<s_price>",
    "▁2",
    ".",
    "5",
    "0",
    "</s_price>",
    "<sep/>",
    "<s_nm>",
    "▁tea",
    "</s_nm>",
    "</s_menu>",
    "</s>",
]
HOSTILE = [
    '<script>alert("x")</script>',
    "</pre>",
    '"',
    "\\",
    "\n",
    "\x00",
    "\u2028",
    "\ud800",
    "<s_",
    "<s_>",
    "</s_>",
    "<s_a>",
    "</s_a>",
    "<s_b>",
    "</s_b>",
    "<S_A>",
    "<sep/>",
    "<yes/>",
    "</s>",
    "<unk>",
    "▁",
    "▁<img",
    "",
    "{",
    "}",
    "<s_text_sequence>",
    "</s_text_sequence>",
    "<s_\n>",
    "</s_\n>",
]


def oracle(tokens: list[str]) -> Any:
    """The library's own reading of the same output."""
    from transformers import DonutProcessor

    text = "".join("" if t in ("</s>", "<pad>") else t.replace("▁", " ") for t in tokens).strip()
    added = {t: n for n, t in enumerate(tokens) if t.startswith("<") and t.endswith(">")}
    out = DonutProcessor.__new__(DonutProcessor).token2json(text, added_vocab=added)
    # The processor leaves the blank that a dropped tag had before it.
    return {"text_sequence": out["text_sequence"].strip()} if "text_sequence" in out else out


def written(rng: np.random.Generator, depth: int, names: list[str]) -> list[str]:
    """A random valid output: dictionaries, lists, repeated keys, categories, empty values, stray text between tags."""
    out: list[str] = []
    for item in range(int(rng.integers(1, 4)) if depth else 1):
        out += ["<sep/>"] * (item > 0)
        for name in rng.choice(names, size=int(rng.integers(1, 4))):
            inner = [n for n in names if n != name]
            out.append(f"<s_{name}>")
            if depth < 3 and len(inner) > 1 and rng.random() < 0.4:
                out += written(rng, depth + 1, inner)
            elif rng.random() < 0.15:
                out.append("<yes/>")
            else:
                for leaf in range(int(rng.integers(1, 4)) if rng.random() < 0.2 else 1):
                    out += ["<sep/>"] * (leaf > 0)
                    out += [
                        str(t)
                        for t in rng.choice(["▁ic", "ed", "▁", "2", ".", '"', "é", "▁<unk>", "x y"], rng.integers(0, 5))
                    ]
            out.append(f"</s_{name}>")
            out += ["▁stray"] * (rng.random() < 0.1)
    return out


@pytest.mark.parametrize("seed", range(60))
def test_the_json_is_what_the_donut_processor_makes(seed: int) -> None:
    tokens = [*written(np.random.default_rng(seed), 0, ["menu", "nm", "price", "sub_total", "Cnt"]), "</s>"]
    assert as_json(tokens) == oracle(tokens)


@pytest.mark.parametrize(
    "tokens",
    [
        RECEIPT,
        ["▁just", "▁te", "xt"],
        [],
        ["<s_iitcdip>", "▁read", "▁me"],  # a prompt, never closed
        ["<s_class>", "<advertisement/>", "</s_class>"],
        ["<s_docvqa>", "<s_question>", "▁who", "?", "</s_question>", "<s_answer>", "▁me", "</s_answer>", "</s>"],
        ["<s_menu>", "<s_nm>", "▁cut", "▁off", "</s_nm>", "<s_price>", "▁1"],
        ["<s_a>", "▁1", "</s_a>", "<sep/>", "<s_a>", "▁2", "</s_a>"],
        ["<s_Menu>", "▁1", "</s_menu>", "<S_b>", "▁2", "</S_B>"],
        ["<s_a>", "▁x", "<sep/>", "▁y", "<sep/>", "</s_a>"],
    ],
)
def test_outputs_met_in_practice_read_as_the_processor_reads_them(tokens: list[str]) -> None:
    assert as_json(tokens) == oracle(tokens)


@pytest.mark.parametrize("page", [receipt(3, 1), receipt(4, 5), form(1)])
def test_a_world_s_target_gives_its_truth_and_its_paths(page: Any) -> None:
    tokens = [t for p in page.pieces for t in ("▁" + p.text.replace(" ", "▁") if p.field else [p.text])]
    assert as_json(tokens) == page.truth
    said = {canonical(f.path): f.text for f in fields(tokens)}
    assert said == {canonical(p.field): p.text for p in page.pieces if p.field}


def test_fields_know_their_tokens_and_words() -> None:
    found = {f.path: f for f in fields(RECEIPT)}
    assert list(found) == ["store", "menu.0.nm", "menu.0.price", "menu.1.nm"]
    assert found["menu.0.nm"].words == (("iced", (7, 8)), ("latte", (9, 10)))
    assert found["menu.0.price"].text == "2.50"
    assert found["menu.0.price"].tokens == (13, 14, 15, 16)
    assert fields(["<s_a>", "▁", "x y", "z", "▁", "</s_a>"])[0].words == (("x", (2,)), ("yz", (2, 3)))
    assert fields(["<s_a>", "<yes/>", "</s_a>"])[0] == ("a", "yes", (1,), (("yes", (1,)),))


def check_lines(tokens: list[str]) -> None:
    lines = pretty(tokens)
    joined = "\n".join("".join(run.text for run in line) for line in lines)
    assert joined == json.dumps(as_json(tokens), indent=2, ensure_ascii=False)
    owners = [run.token for line in lines for run in line if run.token is not None]
    assert len(owners) == len(set(owners))
    assert all(0 <= n < len(tokens) for n in owners)


@pytest.mark.parametrize("seed", range(20))
def test_the_lines_are_the_indented_json_and_every_character_of_a_value_has_its_token(seed: int) -> None:
    tokens = written(np.random.default_rng(seed), 0, ["menu", "nm", "price"])
    check_lines(tokens)
    made: dict[int, str] = {r.token: r.text for line in pretty(tokens) for r in line if r.token is not None}
    for one in fields(tokens):
        assert "".join(json.loads(f'"{made[t]}"') for t in one.tokens) == one.text


def test_tags_own_keys_and_closing_signs() -> None:
    where = {run.token: run.text for line in pretty(RECEIPT) for run in line if run.token is not None}
    assert (where[0], where[4], where[5], where[18], where[22]) == ('"store"', '"', '"menu"', ",", "]")
    assert 23 not in where  # the end of the text


@pytest.mark.parametrize("seed", range(40))
def test_hostile_output_never_fails_and_its_lines_still_are_its_json(seed: int) -> None:
    tokens = [str(t) for t in np.random.default_rng(seed).choice(np.array(HOSTILE, object), 80)]
    check_lines(tokens)
    for one in fields(tokens):
        assert all(0 <= t < len(tokens) for t in one.tokens)


def test_what_does_not_close_in_order_is_passed_over() -> None:
    assert as_json(["<s_a>", "▁1", "</s_b>", "</s_a>"]) == {"a": "1"}
    assert as_json(["<s_a>", "<s_b>", "▁1", "</s_a>", "</s_b>"]) == {"a": "1"}
    assert as_json(["<s_x>", "<s_b>", "▁1", "</s_b>"]) == {"b": "1"}
    assert as_json(["<s_a>", "▁1", "</s_a>", "<s_a>", "▁2", "</s_a>"]) == {"a": "2"}


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(depth_of, inner), default=0) if isinstance(value, dict | list) else 0


@pytest.mark.parametrize("deep", [500, 5000])
def test_depth_is_bounded(deep: int) -> None:
    tokens = [*(f"<s_{n}>" for n in range(deep)), "▁x", *(f"</s_{n}>" for n in reversed(range(deep)))]
    assert depth_of(as_json(tokens)) == DEEPEST
    check_lines(tokens)
    same = ["<s_a>"] * deep + ["▁x"] + ["</s_a>"] * deep
    assert depth_of(as_json(same)) == DEEPEST
    assert fields(same)[0].text == "x"


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Garbage collection would count whatever else lives in the process."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "block",
    [
        ["<s_a>"],
        ["</s_a>"],
        ["<s_a>", "<s_b>", "</s_a>"],
        ["<sep/>"],
        ["▁"],
        ["x"],
        ["<s_a>", "x", "</s_a>"],
        ["<s_a>", "<sep/>", "</s_b>"],
    ],
)
def test_time_grows_with_the_tokens_and_not_with_their_square(block: list[str], no_collector: None) -> None:
    def seconds(count: int) -> float:
        tokens = block * (count // len(block))
        start = time.process_time()
        pretty(tokens), fields(tokens), as_json(tokens)
        return time.process_time() - start

    small, large = min(seconds(5_000) for _ in range(3)), min(seconds(40_000) for _ in range(2))
    assert large < 30 * small + 0.1  # eight times the tokens: linear is 8, square is 64


def test_kinds() -> None:
    assert [kind(t) for t in ("<s_>", "<S_x>", "</s>", "<s>", "<unk>", "</b>")] == [
        "open",
        "open",
        "control",
        "control",
        "part",
        "part",
    ]
