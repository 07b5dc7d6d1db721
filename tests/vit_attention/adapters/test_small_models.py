"""The small published models by their names, from a stand-in hub with tiny networks of the same families."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.vit_attention.adapters.test_hub import COMMIT, Hub, hub, load, python
from vit_attention import registry

__all__ = ["hub"]

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "patch_size": 8, "image_size": 32}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def serve(hub: Hub, name: str, folder: Path) -> Path:
    """A tiny network of a model's family, served under the model's hub id; its weights file."""
    from vit_attention import compat  # noqa: F401

    import transformers  # isort: skip

    torch.manual_seed(0)
    kind = "Dinov2WithRegisters" if "registers" in name else "Dinov2" if "dinov2" in name else "ViT"
    config = getattr(transformers, f"{kind}Config")(**SMALL, num_labels=3)
    model = getattr(transformers, f"{kind}{'ForImageClassification' if kind == 'ViT' else 'Model'}")(config)
    model.save_pretrained(folder)
    if name == "deit-tiny":  # whose published commit has a pickle of tensors, and nothing newer
        (folder / WEIGHTS[0]).unlink()
        torch.save(model.state_dict(), folder / WEIGHTS[1])
    hub.others[registry.card(name).hub] = folder
    return next(folder / one for one in WEIGHTS if (folder / one).exists())


def about(file: Path) -> dict[str, Any]:
    """What a card would know of a file."""
    return {"size": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("deit-tiny", 17), ("deit-small", 17), ("dinov2-small", 17), ("dinov2-small-registers", 21)],
)
def test_each_is_loaded_by_its_name_from_its_commit_and_then_offline(
    hub: Hub, tmp_path: Path, name: str, tokens: int
) -> None:
    file, card = serve(hub, name, tmp_path / "tiny"), registry.card(name)
    address, cache = f"http://127.0.0.1:{hub.server_port}", tmp_path / "cache"
    assert load(address, name, cache, **about(file)) == f"loaded 2 (4, {tokens}, {tokens}) {file.stat().st_size}"
    assert hub.sent[0] == (file.name, 0)
    assert [sent for sent in hub.sent if sent[0] == file.name] == [(file.name, 0)]
    assert any(card.revision or "/resolve/" + COMMIT in path for path in hub.asked)
    if card.revision:
        assert all(card.revision in path for path in hub.asked if "/resolve/" in path)
    hub.asked.clear()
    assert load("http://127.0.0.1:9" if not card.revision else address, name, cache, **about(file)).startswith("loaded")
    assert not hub.asked  # a commit that is there needs no hub


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "model.safetensors is not the published file: want about 88.2 MB, got 0.1 MB"),
        ({"sha256": "0" * 64}, "want SHA-256 0000000000000000..., got"),
    ],
)
def test_another_file_than_the_published_one_is_refused_before_it_is_fetched(
    hub: Hub, tmp_path: Path, known: dict[str, Any], words: str
) -> None:
    size = {"size": serve(hub, "dinov2-small", tmp_path / "tiny").stat().st_size} if known else {}
    said = load(f"http://127.0.0.1:{hub.server_port}", "dinov2-small", tmp_path / "cache", **size, **known)
    assert said.startswith("DownloadError | facebook/dinov2-small: ") or not known
    if not known:
        serve(hub, "dinov2-small", tmp_path / "tiny")
        said = load(f"http://127.0.0.1:{hub.server_port}", "dinov2-small", tmp_path / "other")
    assert words in said
    assert "load it with hf:FOLDER" in said
    assert not hub.sent


def test_a_file_of_the_right_size_that_is_no_weights_is_refused(hub: Hub, tmp_path: Path) -> None:
    file = serve(hub, "deit-small", tmp_path / "tiny")
    file.write_bytes(b"x" * file.stat().st_size)
    said = load(f"http://127.0.0.1:{hub.server_port}", "deit-small", tmp_path / "cache", size=file.stat().st_size)
    assert said.startswith("CheckpointError | model.safetensors")


STOPS = """
import json, sys
from dataclasses import replace
from vit_attention import registry
from vit_attention.models import names
from vit_attention.weights.download import DownloadStopped
name, known = sys.argv[1], json.loads(sys.argv[2])
names.CARDS = tuple(replace(one, **known) if one.name == name else one for one in names.CARDS)
heard = []
def stop(done, total):
    if done > total / 3:
        raise DownloadStopped("enough")
try:
    registry.fetch(name, stop)
except DownloadStopped as error:
    print("stopped:", error, registry.at_hand(name))
found = registry.fetch(name, lambda done, total: heard.append((done, total)))
print(json.dumps({"first": heard[0], "last": heard[-1], "same": registry.at_hand(name) == found}))
"""


def test_a_download_stopped_in_the_middle_goes_on_from_there(hub: Hub, tmp_path: Path) -> None:
    file = serve(hub, "dinov2-small", tmp_path / "tiny")
    hub.slow, size = True, file.stat().st_size
    address = f"http://127.0.0.1:{hub.server_port}"
    said = python(address, tmp_path / "cache", STOPS, "dinov2-small", json.dumps(about(file))).splitlines()
    assert said[0] == "stopped: enough None"
    found = json.loads(said[1])
    assert size / 3 < found["first"][0] < size
    assert (found["last"], found["same"]) == ([size, size], True)
    assert [start for name, start in hub.sent if name == file.name] == [0, found["first"][0]]


COMMAND = """
import json, sys
from dataclasses import replace
from vit_attention.cli.app import main
from vit_attention.models import names
known = json.loads(sys.argv.pop(1))
names.CARDS = tuple(replace(one, **known.get(one.name, {})) for one in names.CARDS)
try:
    main()
except SystemExit as left:
    print("left with", left.code)
"""


def test_fetch_prepares_a_machine_with_several_and_goes_on_when_one_fails(hub: Hub, tmp_path: Path) -> None:
    names = ("deit-tiny", "dinov2-small")
    files = {name: serve(hub, name, tmp_path / name) for name in names}
    known = json.dumps({name: about(file) for name, file in files.items()})
    address, cache = f"http://127.0.0.1:{hub.server_port}", tmp_path / "cache"
    said = python(address, cache, COMMAND, known, "fetch", names[0], "deit-small", names[1], "--json")
    told = json.loads(said.rpartition("left with")[0])
    assert said.endswith("left with 1")
    assert [one["ok"] for one in told["results"]] == [True, False, True]
    for one, name in zip(told["results"][::2], names, strict=True):
        folder = Path(one["files"][0])
        assert (folder.name, folder / files[name].name) == (registry.card(name).revision, folder / files[name].name)
        assert one["megabytes"] == round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6, 1)
    listed = python("http://127.0.0.1:9", cache, COMMAND, known, "fetch", "--list", *names, "deit-small")
    rows = {line.split()[0]: line for line in listed.splitlines() if line}
    assert all(registry.card(name).revision in rows[name] for name in names)
    assert "not here" in rows["deit-small"]
