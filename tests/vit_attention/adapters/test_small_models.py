"""The small published models by their names, from a stand-in hub with tiny networks of the same families."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import vit_attention as va
from tests.vit_attention.adapters.test_hub import COMMIT, Hub, hub
from tests.vit_attention.folders import dual_folder, text_folder
from vit_attention import registry
from vit_attention.cli.app import main
from vit_attention.models import names
from vit_attention.weights.checkpoints import CheckpointError
from vit_attention.weights.download import DownloadError, DownloadStopped

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
    processor = {"image_processor_type": f"{'Bit' if 'dino' in name else 'DeiT'}ImageProcessor", "size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps({**processor, "crop_size": 32}))
    hub.others[registry.card(name).hub] = folder
    return next(folder / one for one in WEIGHTS if (folder / one).exists())


@pytest.fixture
def online(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """The hub's client asks the stand-in, with a cache of its own; ``online(address)`` asks somebody else."""
    from huggingface_hub import close_session, constants

    def ask(address: str) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    close_session()  # one that others have opened may know a proxy
    ask(f"http://127.0.0.1:{hub.server_port}")
    yield ask
    close_session()


def know(monkeypatch: pytest.MonkeyPatch, name: str, **known: Any) -> None:
    """Let a card know this of its file."""
    cards = tuple(replace(one, **known) if one.name == name else one for one in names.CARDS)
    monkeypatch.setattr(names, "CARDS", cards)


def about(file: Path) -> dict[str, Any]:
    """What a card would know of a file."""
    return {"size": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("deit-tiny", 17), ("deit-small", 17), ("dinov2-small", 17), ("dinov2-small-registers", 21)],
)
def test_each_is_loaded_by_its_name_from_its_commit_and_then_offline(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, tokens: int
) -> None:
    file, card, heard = serve(hub, name, tmp_path / "tiny"), registry.card(name), []
    know(monkeypatch, name, **about(file))
    model = va.load(name, progress=lambda done, total: heard.append((done, total)))
    shapes = {one.weights.shape for one in model.attend(np.zeros((40, 40, 3), np.uint8)).maps}
    assert shapes == {(4, tokens, tokens)}
    assert heard[-1] == (file.stat().st_size, file.stat().st_size)
    assert [sent for sent in hub.sent if sent[0] == file.name] == [(file.name, 0)]
    assert all((card.revision or COMMIT) in path for path in hub.asked if "/resolve/" in path)
    hub.asked.clear()
    if not card.revision:  # the main branch may have moved on: the hub is asked, if it answers
        online("http://127.0.0.1:9")
    assert va.load(card.hub).card.name == name
    assert not hub.asked


@pytest.mark.parametrize("name", ["clip-vit-b-16", "distilbert-sst2"])
def test_models_of_words_are_loaded_by_their_names_from_their_commit_and_then_without_the_hub(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, card = tmp_path / "tiny", registry.card(name)
    text_folder(folder, "distilbert") if card.task == "text" else dual_folder(folder)
    hub.others[card.hub] = folder
    know(monkeypatch, name, **about(folder / WEIGHTS[0]))
    model = va.load(name)
    assert model.card == registry.card(name)
    assert model.attend("the soup").text == "the soup"
    asked = [path for path in hub.asked if "/resolve/" in path]
    assert asked
    assert all(card.revision in path for path in asked)
    assert any("tokenizer.json" in path for path in asked)
    hub.asked.clear()
    assert va.load(card.hub).attend("the soup").maps[0].weights.shape == model.attend("the soup").maps[0].weights.shape
    assert not hub.asked


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "model.safetensors is not the published file: want about 88.2 MB, got 0.1 MB"),
        ({"sha256": "0" * 64}, "want SHA-256 0000000000000000..., got"),
    ],
)
def test_another_file_than_the_published_one_is_refused_before_it_is_fetched(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], words: str
) -> None:
    file = serve(hub, "dinov2-small", tmp_path / "tiny")
    if known:
        know(monkeypatch, "dinov2-small", **{**about(file), **known})
    with pytest.raises(DownloadError, match="load it with hf:FOLDER") as caught:
        va.load("dinov2-small")
    assert words in str(caught.value)
    assert not hub.sent


def test_a_file_of_the_right_size_that_is_no_weights_is_refused(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = serve(hub, "deit-small", tmp_path / "tiny")
    file.write_bytes(b"x" * file.stat().st_size)
    know(monkeypatch, "deit-small", size=file.stat().st_size)
    with pytest.raises(CheckpointError, match=r"^model\.safetensors"):
        va.load("deit-small")


def test_a_download_stopped_in_the_middle_goes_on_from_there(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = serve(hub, "dinov2-small", tmp_path / "tiny")
    hub.slow, size, heard = True, file.stat().st_size, []
    know(monkeypatch, "dinov2-small", **about(file))

    def stop(done: int, total: int | None) -> None:
        if done > size / 3:
            raise DownloadStopped("enough")

    with pytest.raises(DownloadStopped, match="enough"):
        registry.fetch("dinov2-small", stop)
    assert registry.at_hand("dinov2-small") is None
    assert registry.fetch("dinov2-small", lambda *told: heard.append(told)) == registry.at_hand("dinov2-small")
    assert size / 3 < heard[0][0] < size
    assert heard[-1] == (size, size)
    assert [start for name, start in hub.sent if name == file.name] == [0, heard[0][0]]


def test_a_part_that_another_program_fetched_is_completed(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = serve(hub, "dinov2-small", tmp_path / "tiny")
    know(monkeypatch, "dinov2-small", **about(file))
    settings = registry.fetch("dinov2-small") / "preprocessor_config.json"
    settings.unlink()
    assert va.load("dinov2-small").prepare(np.zeros((40, 40, 3), np.uint8)).pixels.shape == (1, 3, 32, 32)
    assert settings.exists()
    assert [name for name, _ in hub.sent].count(file.name) == 1


def test_fetching_again_replaces_a_damaged_file(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = serve(hub, "dinov2-small", tmp_path / "tiny")
    know(monkeypatch, "dinov2-small", **about(file))
    here = registry.fetch("dinov2-small") / file.name
    here.resolve().write_bytes(b"x" * file.stat().st_size)
    with pytest.raises(DownloadError, match="damaged"):
        va.load("dinov2-small")
    assert registry.fetch("dinov2-small", again=True) / file.name == here
    assert here.read_bytes() == file.read_bytes()
    assert [name for name, _ in hub.sent].count(file.name) == 2


def test_fetch_prepares_a_machine_with_several_and_goes_on_when_one_fails(
    hub: Hub, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: serve(hub, name, tmp_path / name) for name in ("deit-tiny", "dinov2-small")}
    for name, file in files.items():
        know(monkeypatch, name, **about(file))
    done = CliRunner().invoke(main, ["fetch", "deit-tiny", "deit-small", "dinov2-small", "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, [one["ok"] for one in told["results"]]) == (1, [True, False, True])
    total = 0
    for one, (name, file) in zip(told["results"][::2], files.items(), strict=True):
        folder = Path(one["files"][0])
        assert folder.name == registry.card(name).revision
        assert (folder / file.name).read_bytes() == file.read_bytes()
        total += sum(part.stat().st_size for part in folder.iterdir())
    assert f"{total / 1e6:.1f} MB in all." in done.stderr
    online("http://127.0.0.1:9")
    listed = CliRunner().invoke(main, ["fetch", "--list", *files, "deit-small"]).stdout
    rows = {line.split()[0]: line for line in listed.splitlines() if line}
    assert all(registry.card(name).revision in rows[name] for name in files)
    assert "not here" in rows["deit-small"]


def test_without_a_network_the_manual_way_is_told(online: Any) -> None:
    online("http://127.0.0.1:9")
    with pytest.raises(DownloadError) as caught:
        va.load("deit-tiny")
    said = str(caught.value)
    assert said.startswith("facebook/deit-tiny-patch16-224: the hub did not give it (")
    assert "is there a network?" in said
    assert f"at commit {registry.card('deit-tiny').revision}) and load it with hf:FOLDER" in said
