"""Sentences on the command line: the older tool's commands as they are typed, its files, our own ways, and what is refused."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from tests.vit_attention.folders import text_folder
from vit_attention.cli import texts
from vit_attention.cli.app import main
from vit_attention.records import attention_json

ROOT = Path(__file__).resolve().parents[3]
TEXT = "This is an example text to analyze"


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "bert"
    text_folder(place, layers=2)
    return place


Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command in a folder of its own, in this process: its exit code, and what it said on both streams."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words)])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    return run


def tokens(bert: Path, text: str) -> list[str]:
    import transformers

    found = transformers.AutoTokenizer.from_pretrained(bert)(text)
    return list(found.tokens())


def eager(bert: Path, text: str = TEXT) -> list[Any]:
    """The library's own attention, (layers)(heads, tokens, tokens)."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(bert, attn_implementation="eager").eval()
    with torch.no_grad():
        return [
            one[0].numpy() for one in model(**tokenizer(text, return_tensors="pt"), output_attentions=True).attentions
        ]


VERBATIM = [
    (
        'python attention_visualization/extract_attention.py --model_dir "./model_output" --text "Your input text here" '
        '--output_file "attention_data.json"',
        "attention_data.json",
    ),
    (
        'python attention_visualization/visualize_attention.py --input_file "attention_data.json" --mode plot --layer 0 '
        '--head 0 --output_file "attention_vis.png"',
        "attention_vis.png",
    ),
    (
        'python attention_visualization/visualize_attention.py --input_file "attention_data.json" --mode prepare '
        '--output_file "backend_data.json"',
        "backend_data.json",
    ),
    (
        'python attention_visualization/extract_attention.py --text "This is an example text to analyze" '
        '--output_file "example_attention.json"',
        "example_attention.json",
    ),
    (
        'python attention_visualization/visualize_attention.py --input_file "example_attention.json" --layer 0 --head 0 '
        '--output_file "example_layer0_head0.png"',
        "example_layer0_head0.png",
    ),
    (
        'python attention_visualization/visualize_attention.py --input_file "example_attention.json" --mode prepare '
        '--output_file "for_backend.json"',
        "for_backend.json",
    ),
]


def test_the_older_commands_work_as_they_are_typed(tmp_path: Path, bert: Path) -> None:
    desk = tmp_path / "tools"
    desk.mkdir()
    (desk / "attention_visualization").symlink_to(ROOT / "tools" / "attention_visualization")
    (desk / "model_output").symlink_to(bert)
    around = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    around |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    for line, file in VERBATIM:
        words = [sys.executable, *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=desk, env=around, capture_output=True, text=True, timeout=280, check=False)
        assert (done.returncode, done.stdout.split()) == (0, [file]), done.stderr
    extracted = json.loads((desk / "example_attention.json").read_text("utf-8"))
    assert [*extracted] == ["tokens", "text", "attention_matrices"]
    assert (extracted["tokens"], extracted["text"]) == (tokens(bert, TEXT), TEXT)
    np.testing.assert_allclose(extracted["attention_matrices"], eager(bert), atol=2e-6)
    prepared = json.loads((desk / "for_backend.json").read_text("utf-8"))
    assert [*prepared] == ["tokens", "text", "layers"]
    matrices = [[head["attention"] for head in layer["heads"]] for layer in prepared["layers"]]
    assert matrices == extracted["attention_matrices"]
    with Image.open(desk / "attention_vis.png") as picture:
        assert min(picture.size) > 300


def test_defaults_are_those_of_the_older_tool(say: Say, tmp_path: Path, bert: Path) -> None:
    (tmp_path / "model_output").symlink_to(bert)
    assert say("extract", "--text", TEXT)[:2] == (0, "attention_data.json\n")
    assert say("visualize", "--input_file", "attention_data.json")[:2] == (0, "attention_vis.png\n")
    first = (tmp_path / "attention_vis.png").read_bytes()
    say("visualize", "--input_file", "attention_data.json", "--layer", "0", "--head", "0")
    assert (tmp_path / "attention_vis.png").read_bytes() == first
    say("visualize", "--input_file", "attention_data.json", "--layer", "0", "--head", "1")
    assert (tmp_path / "attention_vis.png").read_bytes() != first
    assert say("visualize", "--input_file", "attention_data.json", "--mode", "prepare")[:2] == (
        0,
        "backend_data.json\n",
    )


def test_a_model_runs_again_for_every_few_layers(say: Say, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "TOGETHER", 1)
    say("extract", "--text", TEXT, "--model_dir", bert)
    numbers = json.loads(Path("attention_data.json").read_text("utf-8"))["attention_matrices"]
    np.testing.assert_allclose(numbers, eager(bert), atol=2e-6)


def test_a_chosen_layer_is_a_list_of_one_and_layers_count_within_the_file(say: Say, bert: Path) -> None:
    say("extract", "--text", TEXT, "--model_dir", bert, "--layer", "1", "--output_file", "one.json")
    numbers = json.loads(Path("one.json").read_text("utf-8"))["attention_matrices"]
    np.testing.assert_allclose(numbers, eager(bert)[1:], atol=2e-6)
    assert say("visualize", "--input_file", "one.json", "--layer", "0")[0] == 0
    code, _, said = say("visualize", "--input_file", "one.json", "--layer", "1")
    assert (code, said.splitlines()[-1]) == (2, "Error: --layer: want a number from 0 to 0, got 1")


def test_a_bundle_goes_round_all_forms(say: Say, bert: Path) -> None:
    code, out, _ = say("extract", "--text", TEXT, "--model", bert)
    assert (code, out) == (0, f"attn_vis/{TEXT.replace(' ', '_')}.npz\n")
    first = va.AttentionRecord.load(out.strip())
    for given, mode, made in (
        (out.strip(), "extract", "a.json"),
        ("a.json", "prepare", "b.json"),
        ("b.json", "extract", "c.json"),
        ("c.json", "bundle", "d.npz"),
    ):
        assert say("visualize", "--input_file", given, "--mode", mode, "--output_file", made)[:2] == (0, f"{made}\n")
    assert Path("a.json").read_bytes() == Path("c.json").read_bytes()
    last = va.AttentionRecord.load("d.npz")
    assert (last.text, last.maps[0].key.words) == (TEXT, first.maps[0].key.words)
    assert "  model    not stated\n" in say("show", "d.npz")[1]  # JSON names none
    for old, new in zip(first.layers, last.layers, strict=True):
        np.testing.assert_allclose(new, old, rtol=5e-6)
    assert say("extract", "--text", TEXT, "--model_dir", bert, "--output_file", "e.npz")[:2] == (0, "e.npz\n")
    assert va.AttentionRecord.load("e.npz").model == va.AttentionRecord.load(out.strip()).model


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, Any, Any]]:
    """What is handed to the functions that draw: which, the numbers, the names and the words."""
    from visualizer.export import token_paper

    found: list[tuple[str, Any, Any, Any]] = []
    matrix, bars = token_paper.save_matrix, token_paper.save_bars

    def on_matrix(weights: Any, queries: Any, keys: Any, path: Any, **more: Any) -> Any:
        found.append(("matrix", weights, [*queries], more["title"]))
        return matrix(weights, queries, keys, path, **more)

    def on_bars(values: Any, names: Any, path: Any, **more: Any) -> Any:
        found.append(("bars", values, [*names], more["title"]))
        return bars(values, names, path, **more)

    monkeypatch.setattr(token_paper, "save_matrix", on_matrix)
    monkeypatch.setattr(token_paper, "save_bars", on_bars)
    return found


GOOD = "The soup was not goods."


def test_figures_of_a_sentence_show_the_chosen_numbers(say: Say, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, weights = drawn(monkeypatch), eager(bert, GOOD)
    sentence = ("visualize", "--text", GOOD, "--model", bert)
    assert say(*sentence, "--layer", "0", "--head", "1")[0] == 0
    assert say(*sentence)[0] == 0
    assert say(*sentence, "--layer", "0", "--query", "not", "--head", "0")[0] == 0
    names = ["[CLS]", "the", "soup", "was", "not", "good", "##s", ".", "[SEP]"]
    for (kind, values, said, words), wanted in zip(
        found, (weights[0][1], weights[1].mean(axis=0), weights[0][0][4]), strict=True
    ):
        np.testing.assert_allclose(values, wanted, atol=2e-6)
        assert said == names
        assert words.endswith(GOOD)
        assert kind == ("matrix" if np.ndim(wanted) == 2 else "bars")
    assert found[0][3].startswith("layer 1, head 2")


def test_words_are_gathered_and_special_tokens_left_out_on_request(
    say: Say, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, (_, layer) = drawn(monkeypatch), eager(bert, GOOD)
    sentence = ("visualize", "--text", GOOD, "--model", bert, "--layer", "1", "--head", "0")
    for options in (["--words"], ["--without-special"], ["--words", "--without-special", "--query", "the"]):
        assert say(*sentence, *options)[0] == 0
    one = layer[0]
    by_hand = np.delete(one, 6, axis=1)
    by_hand[:, 5] = one[:, 5] + one[:, 6]
    rows = np.delete(by_hand, 6, axis=0)
    rows[5] = (by_hand[5] + by_hand[6]) / 2
    np.testing.assert_allclose(found[0][1], rows, atol=2e-6)
    assert found[0][2] == ["[CLS]", "The", "soup", "was", "not", "goods", ".", "[SEP]"]
    np.testing.assert_allclose(found[1][1], one[1:-1, 1:-1], atol=2e-6)
    assert "special tokens left out" in found[1][3]
    np.testing.assert_allclose(found[2][1], rows[1, 1:-1], atol=2e-6)


def test_methods_draw_bars_also_from_a_file(say: Say, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from visualizer import rollout

    found = drawn(monkeypatch)
    say("extract", "--text", GOOD, "--model_dir", bert)
    assert say("visualize", "--input_file", "attention_data.json", "--method", "rollout", "--query", "class")[0] == 0
    np.testing.assert_allclose(found[0][1], rollout(eager(bert, GOOD))[0], atol=1e-5)
    assert say("visualize", "--text", GOOD, "--model", bert, "--method", "no-such-method")[0] == 2
    assert say("visualize", "--text", GOOD, "--model", bert, "--method", "occlusion")[0] == 2


REFUSED = [
    ("extract --text a", 2, "want a model's folder ./model_output, got none here: name a folder or a model, such as "),
    (
        "extract --text a --model_dir ./nowhere",
        2,
        "--model_dir: want a model's folder, or a name such as review-encoder",
    ),
    ("extract --text a --model_dir BERT --model BERT", 2, "want one of --model and --model_dir, got both"),
    ("extract --text a --model scene-vit", 2, "want a model that reads texts, such as review-encoder, got scene-vit"),
    ("extract --text '' --model_dir BERT", 2, "--text: want words, got an empty text"),
    ("extract --text '  ' --model_dir BERT", 2, "--text: want words, got an empty text"),
    ("extract --text a --model_dir BERT --layer -1", 2, "want numbers such as 3"),
    ("extract --text a --model_dir BERT --layer 7", 1, "layers: want numbers from 0 to 1, got [7]"),
    ("extract --text a --model_dir BERT --heads 7", 1, "heads"),
    ("extract --text a --model_dir BERT --queries 0", 2, "--queries: a JSON file holds all rows"),
    ("extract --text a --model_dir BERT --target LABEL_1", 2, "--target: a JSON file holds all rows of the weights"),
    ("visualize --text a --model BERT --mode extract --target nobody", 2, "--target: a JSON file holds"),
    ("extract --text a --model_dir BERT --size 224", 2, "--size is about pictures"),
    ("extract --text a --model scene-clip --label ring", 2, "--label is about pictures: leave it out for a sentence"),
    ("visualize --text a --model scene-clip --label ring", 2, "--label is about pictures"),
    ("extract --text a scene-7 --model scene-vit", 2, "--text is about a sentence: want no IMAGE beside it"),
    ("extract --output_file a.json", 2, "want at least one IMAGE, or --text with a sentence, got neither"),
    ("extract --text a --model_dir BERT --output_file file/a.json", 1, "a.json: want"),
    ("extract --text a --model_dir BERT --output_file folder", 2, "want the name of a file, got the folder 'folder'"),
    ("extract --text a --model_dir BERT --output_file ''", 2, "want a name, got an empty text"),
    ("visualize --text a --model BERT --truth", 2, "--truth is about pictures: leave it out for a sentence"),
    ("visualize --text a --model BERT --bundle", 2, "leave it out for a sentence (--mode bundle saves one)"),
    ("visualize --text a --model BERT --size 224", 2, "--size is about pictures"),
    ("visualize --text a --model BERT --without-sinks", 2, "--without-sinks: want one token that asks"),
    ("visualize --text a --input_file good.json", 2, "want one of --text and --input_file, got both"),
    ("visualize --input_file good.json scene-7", 2, "--input_file is about a sentence: want no IMAGE beside it"),
    ("visualize scene-7 --model scene-vit --words", 2, "--words is about a sentence"),
    ("visualize --input_file missing.json", 1, "missing.json: want an existing file, got none of this name"),
    ("visualize --input_file folder", 1, "folder: want a plain file, got a folder"),
    ("visualize --input_file file", 1, "file: want JSON with '{'"),
    ("visualize --input_file picture.png", 1, "picture.png: want JSON with '{'"),
    ("visualize --input_file ragged.json --mode prepare", 1, "ragged.json: attention_matrices.0.0: want rows of 2"),
    ("visualize --input_file nan.json --mode prepare", 1, "nan.json: attention_matrices.0.0: want a list of numbers"),
    ("visualize --input_file picture.npz", 1, "want self-attention over a text, got a record without"),
    ("visualize --input_file features.npz", 1, "features.npz: "),
    ("visualize --input_file good.json --layer 1", 2, "--layer: want a number from 0 to 0, got 1"),
    ("visualize --input_file good.json --head 1", 2, "--head: want a number from 0 to 0, got 1"),
    ("visualize --input_file good.json --layer -1", 2, "want numbers such as 3"),
    ("visualize --input_file good.json --layer 0-1", 2, "--layer: want one number for a sentence, got 2"),
    ("visualize --input_file good.json --output_file a.txt", 1, "a.txt: want a name that ends in .png, .svg, .pdf"),
    ("visualize --input_file good.json --query nobody", 1, "want a number from 0 to 1"),
    ("visualize --input_file good.json --method grad-cam", 2, "--method"),
    ("visualize --input_file special.json --without-special", 2, "want a word beside special tokens, got none"),
    ("visualize good.json", 1, "good.json: picture: want"),
    ("visualize sentence.npz", 1, "that of a sentence is drawn with --input_file FILE"),
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are given wrongly, and a few that are sound."""
    place = tmp_path_factory.mktemp("shelf")
    data: dict[str, Any] = {"tokens": ["[CLS]", "tea"], "text": "tea"}
    for name, tokens, matrix in (
        ("good", data["tokens"], [[1, 0], [0.5, 0.5]]),
        ("ragged", data["tokens"], [[1, 0], [1]]),
        ("nan", data["tokens"], [[1, 0], [float("nan"), 1]]),
        ("special", ["[CLS]", "[SEP]"], [[1, 0], [0.5, 0.5]]),
    ):
        whole = {**data, "tokens": tokens, "attention_matrices": [[matrix]]}
        (place / f"{name}.json").write_text(json.dumps(whole), encoding="utf-8")
    va.read_attention_json(place / "good.json").save(place / "sentence.npz")
    axis = va.Axis.patches(1, 1)
    one = va.AttentionMap(np.ones((1, 1, 1), np.float32), "a", 0, "self", axis, axis)
    va.AttentionRecord((one,)).save(place / "picture.npz")
    np.savez(place / "features.npz", features=np.ones((2, 4), np.float32))
    Image.new("RGB", (4, 4)).save(place / "picture.png")
    (place / "file").write_text("no JSON")
    (place / "folder").mkdir()
    return place


@pytest.mark.parametrize(("line", "code", "said"), REFUSED, ids=[line for line, _, _ in REFUSED])
def test_wrong_commands_and_files_are_refused_in_a_sentence_and_leave_nothing(
    say: Say, tmp_path: Path, shelf: Path, bert: Path, line: str, code: int, said: str
) -> None:
    for file in shelf.iterdir():
        (tmp_path / file.name).symlink_to(file)
    before = sorted(tmp_path.iterdir())
    found, out, told = say(*[bert if word == "BERT" else word for word in shlex.split(line)])
    assert (found, out) == (code, "")
    assert said in told
    assert sorted(tmp_path.iterdir()) == before


def test_a_text_of_ten_megabytes_is_refused_before_a_model_is_loaded(say: Say) -> None:
    code, _, told = say("extract", "--text", "tea " * 2_500_000, "--model_dir", "nowhere")
    assert (code, told.splitlines()[-1]) == (2, "Error: --text: want at most 1,000,000 letters, got 10,000,000")


def test_padding_that_was_read_is_cut_for_the_backend_and_said(say: Say, tmp_path: Path) -> None:
    data = {"tokens": ["tea", "[PAD]"], "text": "tea", "attention_matrices": [[[[0.75, 0.25], [0.5, 0.5]]]]}
    (tmp_path / "a.json").write_text(json.dumps(data), encoding="utf-8")
    code, _, told = say("visualize", "--input_file", "a.json", "--mode", "prepare")
    assert (code, "read up to 0.25 of a row" in told) == (0, True)
    prepared = json.loads((tmp_path / "backend_data.json").read_text("utf-8"))
    assert prepared["tokens"] == ["tea"]
    assert prepared["layers"][0]["heads"][0]["attention"] == [[0.75]]
    assert say("visualize", "--input_file", "backend_data.json")[0] == 0


PEAK = """
import resource, sys
import vit_attention as va
from vit_attention.cli import texts
from vit_attention.cli.app import main
from vit_attention.records import attention_json
va.load("hf:" + sys.argv[1]).attend("the soup", layers=[0])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    main(["extract", "--text", "the soup was not good " * 120, "--model_dir", sys.argv[1], "--output_file", "big.json"])
except SystemExit as ended:
    assert not ended.code, ended.code
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
def test_512_tokens_of_12_layers_of_12_heads_take_little_memory(tmp_path: Path) -> None:
    place = tmp_path / "bert"
    text_folder(place, layers=12, hidden_size=48, num_attention_heads=12, max_position_embeddings=512)
    around = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", PEAK, str(place)]
    done = subprocess.run(words, cwd=tmp_path, env=around, capture_output=True, text=True, timeout=280, check=True)
    assert float(done.stdout.split()[-1]) < 100
    with attention_json.opened(tmp_path / "big.json") as file:
        assert [len(one.heads) for one in file.contents.layers] == [12] * 12
        assert len(file.contents.tokens) == 512
