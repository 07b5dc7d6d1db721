"""Attention of a sentence as JSON: field by field, there and back, against the schemas, and files that are none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import vit_attention as va
from vit_attention.gate import GateError
from vit_attention.records import attention_json

SCHEMAS = Path(va.__file__).parent / "schemas"
TOKENS = ("[CLS]", "not", "good", "##ness", ".", "[SEP]")
WORDS = (-1, 0, 1, 1, 2, -1)
KEYS = {"extracted": "attention_matrices", "backend": "layers"}


def record(
    layers: int = 3, heads: int = 2, kind: Any = np.float32, tokens: tuple[str, ...] = TOKENS
) -> va.AttentionRecord:
    rng = np.random.default_rng(5)
    axis = va.Axis.text(tokens[1:], tokens[:1], WORDS if tokens == TOKENS else ())
    weights = [rng.dirichlet(np.ones(len(tokens)), (heads, len(tokens))).astype(kind) for _ in range(layers)]
    maps = tuple(va.AttentionMap(one, f"block.{n}", n, "self", axis, axis) for n, one in enumerate(weights))
    return va.AttentionRecord(maps, text="not goodness.")


def small(form: str) -> dict[str, Any]:
    """A sound file of two tokens, two layers and one head, by hand."""
    matrices = [[[[1, 0], [0.25, 0.75]]], [[[0.5, 0.5], [0, 1.0]]]]
    layers = [{"layer_idx": n, "heads": [{"head_idx": 0, "attention": one[0]}]} for n, one in enumerate(matrices)]
    numbers = matrices if form == "extracted" else layers
    return {"tokens": ["[CLS]", "tea"], "text": "tea", KEYS[form]: numbers}


def valid(data: Any, form: str) -> bool:
    schema = json.loads((SCHEMAS / f"attention-{form}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(data)


def written(data: Any, folder: Path) -> Path:
    path = folder / "a.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", KEYS)
def test_every_field_of_a_written_file_is_the_one_that_readers_know(form: str, tmp_path: Path) -> None:
    made = record()
    data = json.loads(made.save_attention_json(tmp_path / "a.json", form=form).read_text("utf-8"))
    assert [*data] == ["tokens", "text", KEYS[form]]
    assert data["tokens"] == [*TOKENS]
    assert data["text"] == "not goodness."
    assert valid(data, form)
    numbers = data[KEYS[form]]
    if form == "backend":
        assert [[*one] for one in numbers] == [["layer_idx", "heads"]] * 3
        assert [one["layer_idx"] for one in numbers] == [0, 1, 2]
        assert [[*head] for one in numbers for head in one["heads"]] == [["head_idx", "attention"]] * 6
        assert [head["head_idx"] for one in numbers for head in one["heads"]] == [0, 1] * 3
        numbers = [[head["attention"] for head in one["heads"]] for one in numbers]
    for layer, one in enumerate(numbers):
        for head, matrix in enumerate(one):
            for query, row in enumerate(matrix):
                assert sum(row) == pytest.approx(1, abs=1e-5)
                for key, value in enumerate(row):
                    assert value == pytest.approx(float(made.maps[layer].weights[head, query, key]), rel=5e-6)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_bundle_to_extracted_to_backend_and_back_loses_the_printed_digits_alone(tmp_path: Path, kind: Any) -> None:
    first = va.AttentionRecord.load(record(kind=kind).save(tmp_path / "a.npz"))
    second = va.read_attention_json(first.save_attention_json(tmp_path / "a.json"))
    third = va.read_attention_json(second.save_attention_json(tmp_path / "b.json", form="backend"))
    last = va.AttentionRecord.load(third.save(tmp_path / "b.npz"))
    assert (last.text, last.maps[0].key.special, last.maps[0].key.labels) == (first.text, TOKENS[:1], TOKENS[1:])
    assert last.maps[0].key.words == WORDS
    for old, new in zip(first.maps, last.maps, strict=True):
        assert (old.layer, old.kind, old.heads) == (new.layer, new.kind, new.heads)
        np.testing.assert_allclose(new.single, old.single, rtol=5e-6)
    if kind is np.float16:
        assert all((old.weights == new.weights).all() for old, new in zip(first.maps, last.maps, strict=True))


def test_numbers_of_chosen_layers_and_heads_stay_where_the_form_has_them(tmp_path: Path) -> None:
    axis = va.Axis.text(("a",))
    one = va.AttentionMap(np.ones((2, 1, 1), np.float32), "block", 7, "self", axis, axis, heads=(1, 3))
    made = va.AttentionRecord((one,), text="a")
    found = va.read_attention_json(made.save_attention_json(tmp_path / "a.json", form="backend")).maps[0]
    assert (found.layer, found.heads) == (7, (1, 3))
    found = va.read_attention_json(made.save_attention_json(tmp_path / "a.json")).maps[0]
    assert (found.layer, found.heads) == (0, None)


def test_padding_that_nobody_reads_goes_without_a_word(tmp_path: Path) -> None:
    data = small("extracted")
    data["tokens"] = ["[CLS]", "[PAD]", "tea", "<pad>"]
    data["attention_matrices"] = [[[[0.5, 0, 0.5, 0], [0, 0, 0, 0], [0.1, 0, 0.9, 0], [0.25, 0.25, 0.25, 0.25]]]]
    found = va.read_attention_json(written(data, tmp_path))
    assert attention_json.tokens_of(found.maps[0].key) == ("[CLS]", "tea")
    np.testing.assert_allclose(found.maps[0].weights, [[[0.5, 0.5], [0.1, 0.9]]], rtol=1e-6)


def test_padding_that_is_read_stays_in_a_record_and_is_cut_with_a_warning_for_the_backend(tmp_path: Path) -> None:
    data = small("extracted")
    data["tokens"] = ["tea", "[PAD]"]
    data["attention_matrices"] = [[[[0.75, 0.25], [0.5, 0.5]]]]
    found = va.read_attention_json(written(data, tmp_path))
    assert len(found.maps[0].key) == 2
    assert "0.25" in found.settings["notes"][1]
    with pytest.warns(UserWarning, match=r"up to 0\.25"):
        path = found.save_attention_json(tmp_path / "b.json", form="backend")
    assert json.loads(path.read_text("utf-8"))["layers"][0]["heads"][0]["attention"] == [[0.75]]
    with attention_json.opened(path) as cut:
        assert cut.matrix(0, 0).tolist() == [[0.75]]
    with pytest.raises(GateError, match="sum to 1"):
        va.read_attention_json(path)


@pytest.mark.parametrize("form", KEYS)
def test_keys_may_stand_in_any_order_and_others_are_passed_over(form: str, tmp_path: Path) -> None:
    data = {"model": {"name": "bert", "sizes": [1, {"a": None}]}, **dict(reversed(small(form).items()))}
    if form == "backend":
        data["layers"] = [dict(reversed(one.items())) for one in data["layers"]]
    found = va.read_attention_json(written(json.dumps(data, indent=3), tmp_path))
    assert [one.weights.tolist() for one in found.maps] == [[[[1, 0], [0.25, 0.75]]], [[[0.5, 0.5], [0, 1]]]]
    assert valid(data, form)


def change(form: str, *path: Any, to: Any) -> dict[str, Any]:
    data = small(form)
    place: Any = data
    for part in path[:-1]:
        place = place[part]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return data


M, L = "attention_matrices", "layers"
WRONG_FIELDS = [
    ("extracted", change("extracted", "tokens", to=None), "tokens"),
    ("extracted", change("extracted", "text", to=None), "text"),
    ("extracted", change("extracted", M, to=None), "one of the keys"),
    ("extracted", change("extracted", "tokens", to="tea"), "tokens"),
    ("extracted", change("extracted", "tokens", 1, to=7), "tokens"),
    ("extracted", change("extracted", "tokens", to=[]), "tokens"),
    ("extracted", change("extracted", "text", to=7), "text"),
    ("extracted", change("extracted", M, to=[]), "at least one"),
    ("extracted", change("extracted", M, 0, to=[]), "at least one"),
    ("extracted", change("extracted", M, 0, 0, 1, 1, to="0.75"), r"attention_matrices\.0\.0.*list of numbers"),
    ("extracted", change("extracted", M, 0, 0, 1, 1, to=[0.75]), "list of numbers"),
    ("extracted", change("extracted", M, 0, 0, 1, 1, to=True), "list of numbers"),
    ("extracted", change("extracted", M, 0, 0, 1, to=[-0.25, 1.25]), r"attention_matrices\.0\.0\.1: want shares"),
    ("extracted", change("extracted", M, 0, 0, 1, to=[3, 0]), "shares"),
    ("extracted", change("extracted", M, 0, 0, 1, to={}), "list of numbers"),
    ("extracted", change("extracted", M, to={"0": []}), r"JSON with '\['"),
    ("backend", change("backend", L, 0, "layer_idx", to=None), "without layer_idx"),
    ("backend", change("backend", L, 0, "heads", to=None), "without heads"),
    ("backend", change("backend", L, 0, "layer_idx", to=-1), "greater than or equal to 0"),
    ("backend", change("backend", L, 0, "layer_idx", to=0.5), "integer"),
    ("backend", change("backend", L, 0, "layer_idx", to="0"), "integer"),
    ("backend", change("backend", L, 0, "heads", 0, "head_idx", to=None), "without head_idx"),
    ("backend", change("backend", L, 0, "heads", 0, "attention", to=None), "without attention"),
    ("backend", change("backend", L, 0, "heads", to=[]), "at least one"),
]


@pytest.mark.parametrize(("form", "data", "said"), WRONG_FIELDS, ids=[f"{n}" for n in range(len(WRONG_FIELDS))])
def test_schema_and_gate_refuse_the_same_fields(form: str, data: Any, said: str, tmp_path: Path) -> None:
    assert not valid(data, form)
    with pytest.raises(GateError, match=said) as caught:
        va.read_attention_json(written(data, tmp_path))
    assert "\n" not in str(caught.value)


def of_rows(*rows: list[Any]) -> str:
    return json.dumps(small("extracted") | {M: [[[*rows]]]})


HOSTILE = {
    "empty": ("", "want JSON"),
    "no object": ("[1, 2]", "want JSON"),
    "no JSON": ("tokens: []", "want JSON"),
    "cut off": (json.dumps(small("extracted"))[:-20], "got"),
    "cut off in a row": (json.dumps(small("extracted"))[:-9], "got"),
    "more behind": (json.dumps(small("extracted")) + "{}", "end of the file"),
    "both forms": (json.dumps(small("extracted") | small("backend")), "got both"),
    "a key twice": ('{"tokens": ["a"], "tokens": ["a"]}', "each once"),
    "ragged columns": (of_rows([1, 0], [1]), "rows of 2 numbers"),
    "ragged rows": (of_rows([1, 0]), "2 rows"),
    "an empty row": (of_rows([]), "at least one number"),
    "too few tokens": (of_rows([1, 0, 0], [0, 1, 0], [0, 0, 1]), "as there are so many tokens"),
    "another head is smaller": (json.dumps(small("extracted") | {M: [[[[1, 0], [0, 1]], [[1]]]]}), "rows of 2"),
    "NaN": (of_rows([float("nan"), 0], [0, 1]), "list of numbers"),
    "infinite": (of_rows([float("inf"), 0], [0, 1]), "list of numbers"),
    "overflowing": (of_rows([1, 0], [0, 1]).replace("[1, 0]", "[1e999, 0]"), "shares"),
    "a number of a million digits": (of_rows([1, 0], [0, 1]).replace("[1, 0]", f"[{'1' * 10**6}, 0]"), "bytes"),
    "a number of five thousand digits": (of_rows([1, 0], [0, 1]).replace("[1, 0]", f"[{'1' * 5000}, 0]"), "numbers"),
    "numbers spelled wrongly": (of_rows([1, 0], [0, 1]).replace("[1, 0]", "[01, 0]"), "list of numbers"),
    "two commas": (of_rows([1, 0], [0, 1]).replace("[1, 0]", "[1,, 0]"), "list of numbers"),
    "rows that sum to less": (of_rows([0.5, 0.25], [0, 1]), "rows that sum to 1"),
    "rows that sum to more": (of_rows([0.5, 0.75], [0, 1]), "sum to 1"),
    "zeros in a row of a word": (of_rows([1, 0], [0, 0]), "zeros alone in row 1"),
    "padding alone": ('{"tokens": ["[PAD]"], "text": "", "attention_matrices": [[[[1]]]]}', "padding alone"),
    "deep lists": ('{"x": ' + "[" * 200_000 + "]" * 200_000 + "}", "JSON"),
    "deep lists for rows": ('{"attention_matrices": ' + "[" * 200_000, "list of numbers"),
    "a lone surrogate": ('{"tokens": ["\\ud800"], "text": "", "attention_matrices": [[[[1]]]]}', "JSON"),
    "no JSON in a field nobody knows": ('{"x": {], "tokens": []}', "JSON"),
    "layers in no order": (json.dumps(small("backend") | {L: small("backend")[L][::-1]}), "rising numbers"),
    "a layer twice": (json.dumps(small("backend") | {L: small("backend")[L][:1] * 2}), "rising numbers"),
}


@pytest.mark.parametrize(("data", "said"), HOSTILE.values(), ids=HOSTILE)
def test_files_that_are_none_are_refused_in_one_sentence(data: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=said) as caught:
        va.read_attention_json(written(data, tmp_path))
    assert str(caught.value).startswith("a.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_marks_and_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    text = '{"tokens": ["a", "b"],\n"text": "a b",\n"attention_matrices": [[[[0.25, 0.75],\n[1, 0]]]]}\n'
    file = tmp_path / "windows.json"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert va.read_attention_json(file).maps[0].weights.tolist() == [[[0.25, 0.75], [1, 0]]]


def test_records_of_other_things_are_not_written(tmp_path: Path) -> None:
    square = np.ones((1, 1, 1), np.float32)
    patches, text = va.Axis.patches(1, 1), va.Axis.text(("a", "b"))
    picture = va.AttentionRecord((va.AttentionMap(square, "b", 0, "self", patches, patches),))
    part = va.AttentionMap(np.full((1, 1, 2), 0.5, np.float32), "b", 0, "self", text, text, queries=(1,))
    for one, said in ((picture, "self-attention over a text"), (va.AttentionRecord((part,)), "all rows")):
        with pytest.raises(GateError, match=said):
            one.save_attention_json(tmp_path / "a.json")
    with pytest.raises(GateError, match="'extracted' or 'backend'"):
        record().save_attention_json(tmp_path / "a.json", form="xml")
    assert not [*tmp_path.iterdir()]


BOMBS = """
import resource, sys
import vit_attention as va
from vit_attention.records import attention_json
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    va.read_attention_json(sys.argv[1])
except ValueError as error:
    print(str(error)[:300])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    "data",
    [
        '{"attention_matrices": [[[' + "[0.5]," * 5_000_000,
        '{"attention_matrices": [' + "[[[1]]]," * 2_000_000,
        '{"attention_matrices": [[[["' + "x" * 40_000_000,
        '{"tokens": [' + "7," * 20_000_000,
        '{"text": "' + "x" * 40_000_000,
        '{"x": [' + "[]," * 13_000_000,
        " " * 40_000_000,
    ],
    ids=["rows", "layers", "a string", "tokens", "text", "unknown", "blanks"],
)
def test_a_file_of_forty_megabytes_that_is_none_costs_little_memory(data: str, tmp_path: Path) -> None:
    path = written(data, tmp_path)
    done = subprocess.run([sys.executable, "-c", BOMBS, str(path)], capture_output=True, text=True, check=True)
    said, megabytes = done.stdout.splitlines()
    assert "want" in said
    assert int(megabytes) < 130, said
