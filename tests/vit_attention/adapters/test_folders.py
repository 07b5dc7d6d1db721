"""Model folders from strangers: settings that lie, tokenizers that blow up, pipes in place of files, damaged downloads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

import vit_attention as va
from tests.vit_attention import donuts
from vit_attention import compat  # noqa: F401
from vit_attention.adapters import hf_tokenizer
from vit_attention.gate import GateError
from vit_attention.gate.config import Config
from vit_attention.gate.schema import Schema
from vit_attention.gate.tokenizer import Tokenizer
from vit_attention.weights.checkpoints import CheckpointError

ROOT = Path(__file__).resolve().parents[3]
PAGE = np.zeros((40, 30, 3), np.uint8)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny ViT and a tiny Donut, as the library saves them."""
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(0)
    base = tmp_path_factory.mktemp("sound")
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    ViTForImageClassification(config).save_pretrained(base / "vit")
    return {"vit": base / "vit", "donut": donuts.folder(base / "donut")}


@pytest.fixture
def folder(request: pytest.FixtureRequest, sound: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound[getattr(request, "param", "vit")], tmp_path / "model"))


def change(path: Path, changes: dict[str, Any], *within: str) -> None:
    whole = json.loads(path.read_text())
    inner = whole
    for name in within:
        inner = inner[name]
    inner.update(changes)
    path.write_text(json.dumps(whole))


ODD: list[Any] = [None, [], {}, "x", 2.5, True, float("inf"), float("nan"), 10**400, -1, 10**9]


@pytest.mark.parametrize("value", ODD, ids=lambda v: str(v)[:12])
@pytest.mark.parametrize(
    "field",
    ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "image_size", "patch_size"],
)
def test_measures_of_a_wrong_kind_are_named(field: str, value: Any) -> None:
    data = json.dumps({"model_type": "vit", field: value}).encode()
    with pytest.raises(GateError, match=rf"^config\.json: {field}(\.0)?: want "):
        Config.read(data, "config.json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", ["vit"]),
        ("model_type", "gpt2"),
        ("model_type", "deit"),  # another family's: one position more
        ("num_hidden_layers", 3),
        ("num_hidden_layers", 1000),
        ("hidden_size", 32),
        ("num_attention_heads", 3),
        ("intermediate_size", 64),
        ("image_size", 64),
        ("patch_size", 64),
        ("num_channels", 1),
        ("num_channels", 4),
        ("num_labels", 10**8),
        ("id2label", {"0": "a", "7": "b"}),
        ("id2label", {"0": "a", "x": "b"}),
        ("id2label", {"0": "a", "1": 5}),
        ("id2label", {"0": "a", "1": "b" * 10**6}),
        ("id2label", {str(i): str(i) for i in range(5)}),
        ("hidden_act", "os.system"),
        ("hidden_dropout_prob", 2),
        ("layer_norm_eps", 0),
        ("dtype", "int8"),
        ("quantization_config", {"quant_method": "bitsandbytes"}),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_built(folder: Path, field: str, value: Any) -> None:
    change(
        folder / "config.json", {field: value, **({"label2id": None} if field in ("id2label", "num_labels") else {})}
    )
    if field == "num_labels":
        change(folder / "config.json", {"id2label": None})
    with pytest.raises(GateError, match=r"^model/config\.json: [\w., ]+: want "):
        va.load(f"hf:{folder}")


def test_what_a_folder_brings_beside_settings_is_left_aside_and_said(folder: Path) -> None:
    change(
        folder / "config.json",
        {
            "auto_map": {"AutoModel": "evil--code.Model"},
            "_attn_implementation": "nobody/kernel",
            "to_dict": 3,
            "id2label": {"0": "<b>cat</b>\n", "1": "dog"},
            "label2id": {"dog": 0},
            "architectures": ["ViTForMaskedImageModeling"],
        },
    )
    model = va.load(f"hf:{folder}")
    notes = " ".join(model.attend(PAGE).settings["notes"])
    assert "auto_map" in notes
    assert "label2id" in notes
    assert "ViTForMaskedImageModeling" in notes
    assert model.classes == ()
    change(folder / "config.json", {"architectures": ["ViTForImageClassification"]})
    assert va.load(f"hf:{folder}").classes == ("<b>cat</b>", "dog")


@pytest.mark.parametrize("folder", ["donut"], indirect=True)
@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("encoder", "model_type", "swin"),
        ("encoder", "depths", [2, 3]),
        ("encoder", "depths", []),
        ("encoder", "num_heads", [2]),
        ("encoder", "num_heads", [2, 5]),
        ("encoder", "embed_dim", 0),
        ("encoder", "image_size", [10**6, 10**6]),
        ("encoder", "image_size", [64, 48, 3]),
        ("encoder", "window_size", 2.5),
        ("decoder", "model_type", "gpt2"),
        ("decoder", "decoder_layers", 7),
        ("decoder", "decoder_attention_heads", 5),
        ("decoder", "vocab_size", 10**9),
        ("decoder", "max_position_embeddings", None),
        ("decoder", "eos_token_id", 10**5),
    ],
)
def test_nested_settings_of_a_reader_are_named(folder: Path, part: str, field: str, value: Any) -> None:
    change(folder / "config.json", {field: value}, part)
    with pytest.raises(GateError, match=rf"^model/config\.json: {part}\.{field}\S*: want "):
        va.load(f"hf:{folder}")


@pytest.mark.parametrize("folder", ["vit", "donut"], indirect=True)
@pytest.mark.parametrize("kind", ["pipe", "folder", "circle of links", "device", "nothing"])
@pytest.mark.parametrize(
    "name", ["config.json", "preprocessor_config.json", "tokenizer_config.json", "model.safetensors"]
)
def test_something_else_in_place_of_a_file_is_not_waited_for(folder: Path, name: str, kind: str) -> None:
    place = folder / name
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to({"circle of links": place, "device": "/dev/zero", "nothing": folder / "none"}[kind])
    with pytest.raises(GateError, match=rf"^model/{name}: want "):
        va.load(f"hf:{folder}")


def test_links_that_lead_elsewhere_and_files_of_others_are_fine(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(tmp_path / f"real-{name}")
        (folder / name).symlink_to(tmp_path / f"real-{name}")
    os.mkfifo(folder / "notes.txt")
    (folder / "trainer_state.json").write_bytes(b" " * (5 << 20))
    assert va.load(f"hf:{folder}").attend(PAGE).maps


def replaces(pattern: dict[str, str], content: str, times: int = 1) -> dict[str, Any]:
    return {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": pattern, "content": content}] * times}


BLOWN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "grows": ({"decoder": replaces({"String": "a"}, "aa", 15)}, ()),
    "grows at once": ({"decoder": replaces({"String": "a"}, "a" * 10**5)}, ()),
    "between all letters": ({"decoder": replaces({"Regex": "x*"}, "y" * 50)}, ()),
    "nothing replaced": ({"decoder": replaces({"String": ""}, "y")}, ()),
    "many steps": ({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}] * 10**4}}, ()),
    "unknown step": ({"decoder": {"type": "Boom"}}, ()),
    "backtracks": (
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}},
        (),
    ),
    "damaged table": ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, ()),
    "long token": ({"added_tokens": [{"id": 0, "content": "x" * 10**6}]}, ()),
    "far number": ({"added_tokens": [{"id": 10**9, "content": "x"}]}, ()),
    "random pieces": ({"dropout": 0.5}, ("model",)),
    "foreign merges": ({"merges": [["qq", "zz"]]}, ("model",)),
    "negative numbers": ({"vocab": {"a": -1}}, ("model",)),
    "no vocabulary": ({"vocab": None}, ("model",)),
    "large vocabulary": ({"vocab": {f"t{i}": i for i in range(300_001)}}, ("model",)),
}


@pytest.mark.parametrize("folder", ["donut"], indirect=True)
@pytest.mark.parametrize("case", BLOWN)
def test_tokenizers_that_blow_up_are_refused(folder: Path, case: str) -> None:
    changes, within = BLOWN[case]
    change(folder / "tokenizer.json", changes, *within)
    with pytest.raises(GateError, match=r"^model/tokenizer\.json: "):
        va.load(f"hf:{folder}")


@pytest.mark.parametrize("folder", ["donut"], indirect=True)
def test_no_class_template_or_path_that_a_tokenizer_names_is_used(folder: Path) -> None:
    changes = {
        "auto_map": {"AutoTokenizer": ["evil--code.Tokenizer", None]},
        "tokenizer_class": "Evil",
        "vocab_file": "/etc/passwd",
        "chat_template": "{% for i in range(10**9) %}x{% endfor %}",
    }
    expected = va.load(f"hf:{folder}").attend(PAGE, max_tokens=4).prediction
    change(folder / "tokenizer_config.json", changes)
    padding = {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}
    change(folder / "tokenizer.json", {"padding": {**padding, "pad_to_multiple_of": None}})
    found = va.load(f"hf:{folder}").attend(PAGE, max_tokens=4).prediction
    assert (found.text, found.tokens) == (expected.text, expected.tokens)


def test_a_published_kind_of_tokenizer_reads_as_the_librarys_own(tmp_path: Path) -> None:
    """XLM-R's, which Donut uses: Unigram pieces, Metaspace, tags as added tokens."""
    from transformers import AutoTokenizer, XLMRobertaTokenizer

    words = ["▁", "▁to", "tal", "▁a", "b", "c", "1", ".", "5"]
    special = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    made = XLMRobertaTokenizer(
        vocab=[*special, *((word, -1.0 - i / 9) for i, word in enumerate(words)), ("<mask>", 0.0)]
    )
    made.add_tokens(["<s_cord-v2>", "<sep/>"], special_tokens=True)
    made.save_pretrained(tmp_path)
    theirs, mine = AutoTokenizer.from_pretrained(tmp_path), hf_tokenizer.load(tmp_path)
    assert len(mine) == len(theirs)
    for text in ("<s_cord-v2>", "total 1.5", "<s_cord-v2>a b<sep/>c", "abc  total"):
        ids = theirs(text, add_special_tokens=False)["input_ids"]
        assert mine(text, add_special_tokens=False)["input_ids"] == ids
        assert mine.decode(ids) == theirs.decode(ids)
    assert (mine.eos_token_id, mine.pad_token_id, mine.unk_token_id) == (2, 1, 3)


CHILD = """
import resource, sys, time, vit_attention as va
va.load("hf:" + sys.argv[1])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for folder in sys.argv[2:]:
    before, began = peak(), time.process_time()
    try:
        va.load("hf:" + folder)
        said = "loads"
    except Exception as error:
        said = type(error).__name__
    print(folder.split("/")[-1], said, round(peak() - before), round(time.process_time() - began, 2))
"""


def lying(sound: Path, base: Path) -> list[Path]:
    """Folders of some kilobytes, or of a file that is mostly nothing, that would take gigabytes if they were believed."""
    names = ("layers", "classes", "wide", "lists", "blanks", "header", "size")
    made = {name: Path(shutil.copytree(sound, base / name)) for name in names}
    change(made["layers"] / "config.json", {"num_hidden_layers": 10**6})
    change(made["classes"] / "config.json", {"id2label": None, "label2id": None, "num_labels": 10**8})
    change(made["wide"] / "config.json", {"intermediate_size": 65_536, "pooler_output_size": 65_536})
    (made["lists"] / "config.json").write_bytes(b'{"x": [' + b"[1]," * 900_000 + b"1]}")
    config = (made["blanks"] / "config.json").read_bytes()
    (made["blanks"] / "config.json").write_bytes(b" " * (64 << 20) + config)
    header = b'{"":[],' * (15 << 17)
    (made["header"] / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (made["size"] / "preprocessor_config.json").write_text(json.dumps({"size": 16_000}))
    return [*made.values()]


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (Config, {"model_type": "vit", "architectures": [0] * 50_000}),
        (Config, {"model_type": "vit", "id2label": dict.fromkeys(range(50_000), 0)}),
        (Tokenizer, {"model": {"vocab": {}, "merges": [0] * 50_000}}),
        (Tokenizer, {"model": {"vocab": [0] * 50_000}}),
        (Tokenizer, {"model": {"vocab": dict.fromkeys(range(50_000), "")}}),
        (Tokenizer, {"model": {"vocab": {}}, "added_tokens": [0] * 50_000}),
    ],
    ids=["architectures", "id2label", "merges", "pieces", "vocabulary", "added tokens"],
)
def test_wrong_entries_are_not_all_told_of(schema: type[Schema], given: dict[str, Any]) -> None:
    """Each takes a kilobyte, so that five megabytes of them took five gigabytes."""
    with pytest.raises(ValidationError) as caught:
        schema.model_validate_json(json.dumps(given))
    assert caught.value.error_count() <= 1001


@pytest.mark.parametrize("kind", ["damaged", "foreign", "index", "none"])
@pytest.mark.parametrize("folder", ["vit", "donut"], indirect=True)
def test_weights_of_their_own_leave_those_of_the_folder_alone(folder: Path, kind: str, tmp_path: Path) -> None:
    own, given = folder / "model.safetensors", tmp_path / "given.safetensors"
    shutil.copy(own, given)
    if kind == "foreign":
        save_file({"layer.7.weight": torch.zeros(1)}, own)
    elif kind == "damaged":
        own.write_bytes(b"damaged" * 10)
    else:
        own.unlink()
    if kind == "index":
        (folder / "model.safetensors.index.json").write_text("{")
    va.load(f"hf:{folder}", weights=given)
    with pytest.raises(ValueError, match="safetensors"):
        va.load(f"hf:{folder}")


def test_a_classifier_of_no_classes_loads_and_takes_the_head_of_a_file(sound: dict[str, Path], tmp_path: Path) -> None:
    from transformers import ViTForImageClassification

    module = ViTForImageClassification.from_pretrained(sound["vit"], num_labels=0)
    module.save_pretrained(tmp_path / "model")
    model = va.load(f"hf:{tmp_path / 'model'}")
    assert model.classes == ()
    assert "holds no head" in model.notes[0]
    assert len(va.load(f"hf:{tmp_path / 'model'}", weights=sound["vit"]).classes) == 2


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_part_of_a_network_is_another_network(name: str, tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTModel

    made = ViTModel(ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32))
    made.save_pretrained(tmp_path)
    if name.endswith(".bin"):
        (tmp_path / "model.safetensors").unlink()
        torch.save(made.state_dict(), tmp_path / name)
    change(tmp_path / "config.json", {"num_hidden_layers": 1})
    with pytest.raises(GateError, match=f"num_hidden_layers: want 2 as in {name}, got 1"):
        va.load(f"hf:{tmp_path}")
    with pytest.raises(CheckpointError, match=r"want weights of the 1 layers that config\.json names, got more"):
        va.load(f"hf:{tmp_path}", weights=tmp_path / name)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("adapter_model.safetensors", "merge_and_unload"),
        ("tf_model.h5", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
        ("onnx/model.onnx", "ONNX"),
    ],
)
def test_folders_without_weights_of_pytorch_say_what_they_have(folder: Path, file: str, words: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(b"x")
    with pytest.raises(CheckpointError, match=words):
        va.load(f"hf:{folder}")


def test_folders_without_settings_say_where_some_are(folder: Path) -> None:
    shutil.copytree(folder, folder / "checkpoint-500")
    (folder / "config.json").unlink()
    with pytest.raises(GateError, match="There is one in checkpoint-500: load that folder"):
        va.load(f"hf:{folder}")
    shutil.rmtree(folder / "checkpoint-500")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(GateError, match="It is an adapter"):
        va.load(f"hf:{folder}")
    (folder / "config.json").write_text(json.dumps({"architecture": "vit_tiny_patch16_224"}))
    with pytest.raises(GateError, match="Load it with timm:vit_tiny_patch16_224"):
        va.load(f"hf:{folder}")


def test_small_folders_take_neither_time_nor_memory(sound: dict[str, Path], tmp_path: Path) -> None:
    """In a process of its own, whose memory can be measured."""
    folders = lying(sound["vit"], tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, sound["vit"], *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == len(folders), done.stderr[-500:]
    for name, said, megabytes, seconds in lines:
        assert said in ("GateError", "CheckpointError"), name
        assert int(megabytes) < 200, name
        assert float(seconds) < 1, name


@pytest.mark.parametrize(
    "name",
    [" ", "..", "../x", "~nobody/x", "a/..", "../..", "a", "a/b/c", "x" * 300, "\0", "a\nb/c", "https://a.b/c/d"],
)
def test_names_that_are_no_folder_and_no_hub_id_are_refused(name: str) -> None:
    with pytest.raises(GateError, match="want "):
        va.load(f"hf:{name}")


def test_a_file_in_place_of_a_folder_and_slashes_at_the_end(folder: Path) -> None:
    with pytest.raises(GateError, match="Name the folder"):
        va.load(f"hf:{folder / 'config.json'}")
    assert va.load(f"hf:{folder}//").attend(PAGE).maps


@pytest.mark.parametrize(
    ("name", "kind", "scaled"),
    [
        ("vit.encoder.layer.0.attention.attention.key.weight", torch.int8, False),
        ("vit.encoder.layer.0.attention.attention.key.weight", torch.uint8, True),
        ("vit.encoder.layer.0.layernorm_before.weight", torch.int64, False),
        ("classifier.weight", torch.int8, False),
    ],
)
def test_whole_numbers_are_never_taken_for_weights(folder: Path, name: str, kind: torch.dtype, scaled: bool) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = name if name in tensors else next(one for one in tensors if one.endswith(name.removeprefix("vit.encoder.")))
    numbers = {name: (tensors[name] * 100).to(kind)}
    scales = {f"{name}.scale": torch.ones(len(tensors[name]))} if scaled else {}
    save_file({**tensors, **numbers, **scales}, folder / "model.safetensors")
    with pytest.raises(
        CheckpointError, match=rf"model.safetensors: .*weight: want float32, got {kind}".replace("torch.", "")
    ):
        va.load(f"hf:{folder}")


def test_loading_draws_no_bar_and_leaves_the_librarys_switch(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    assert logging.is_progress_bar_enabled()
    va.load(f"hf:{folder}")
    assert capfd.readouterr().err == ""
    assert logging.is_progress_bar_enabled()
