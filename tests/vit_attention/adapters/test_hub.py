"""Loading from a hub by name, against a stand-in on 127.0.0.1 that speaks the hub's protocol."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "somebody/tiny-vit"


class Hub(http.server.ThreadingHTTPServer):
    """Serves folders as repositories, one of them as `repo`.

    `broken` cuts every file half way, `drips` sends a byte at a time, `slow` a tenth of a file.
    """

    folder: Path
    repo = REPO
    others: dict[str, Path]
    broken = drips = slow = False
    asked: list[str]
    sent: list[tuple[str, int]]
    """Files whose bytes were sent, and from which byte on."""

    def repository(self, path: str) -> tuple[str, Path]:
        """The repository that an address belongs to, and its folder."""
        return next((one for one in self.others.items() if one[0] in path), (self.repo, self.folder))


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args: object) -> None:
        pass

    def _json(self, data: object, status: int = 200) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        repo, folder = self.server.repository(path)
        names = [p.name for p in folder.iterdir()]
        if path.startswith(f"/api/models/{repo}/tree/"):
            entries = [{"type": "file", "path": n, "size": (folder / n).stat().st_size, "oid": "a" * 40} for n in names]
            return self._json(entries)
        commit = next(iter(re.findall("[0-9a-f]{40}", path)), COMMIT)
        if path.startswith(f"/api/models/{repo}"):
            return self._json({"id": repo, "sha": commit, "siblings": [{"rfilename": n} for n in names]})
        file = folder / path.rsplit("/", 1)[-1]
        if not path.startswith(f"/{repo}/resolve/") or not file.exists():
            return self._json({"error": "Repository not found"}, 404)
        return self._file(file, commit, body)

    def _file(self, file: Path, commit: str, body: bool) -> None:
        data = file.read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if not body:
            return
        self.server.sent.append((file.name, start))
        step = 1 if self.server.drips else -(-len(data) // 10) if self.server.slow else len(data)
        end = len(data) // 2 if self.server.broken else len(data)
        with contextlib.suppress(OSError):
            for at in range(start, end, step):
                self.wfile.write(data[at : min(at + step, end)])
                time.sleep(0.05 if step < len(data) else 0)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    from vit_attention import compat  # noqa: F401

    from transformers import ViTConfig, ViTForImageClassification  # isort: skip

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8
    )
    folder = tmp_path / "served"
    ViTForImageClassification(config).save_pretrained(folder)
    server = Hub(("127.0.0.1", 0), Handler)
    server.folder, server.asked, server.sent, server.others = folder, [], [], {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


# In a process of its own: the hub's address is read when the library is imported.
PROGRAM = """
import json, sys, numpy as np, vit_attention as va
from dataclasses import replace
from vit_attention.models import names
from vit_attention.weights import connection
connection.SLOW_S = 2  # seconds
heard = []
name, known = sys.argv[1], json.loads(sys.argv[2])
names.CARDS = tuple(replace(one, **known) if one.name == name else one for one in names.CARDS)
try:
    name = name if name.startswith(("d", "timm:")) else "hf:" + name
    model = va.load(name, progress=lambda done, total: heard.append((done, total)))
except Exception as error:
    print(type(error).__name__, "|", error)
else:
    record = model.attend(np.zeros((40, 40, 3), np.uint8), **({"max_tokens": 3} if model.card.task == "read" else {}))
    print("loaded", len(record.maps), record.maps[0].weights.shape, max([d for d, _ in heard], default=0))
"""


def load(hub_address: str, name: str, cache: Path, **known: object) -> str:
    return python(hub_address, cache, PROGRAM, name, json.dumps(known)).splitlines()[-1]


def python(hub_address: str, cache: Path, program: str, *arguments: str) -> str:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub_address,
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_ETAG_TIMEOUT": "3",
        "HF_HUB_DOWNLOAD_TIMEOUT": "3",
        "NO_PROXY": "127.0.0.1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-1500:]
    return done.stdout.strip()


def test_a_model_is_loaded_by_its_name_with_progress(hub: Hub, tmp_path: Path) -> None:
    said = load(f"http://127.0.0.1:{hub.server_port}", REPO, tmp_path / "cache")
    assert said.startswith("loaded 2 (4, 17, 17)")
    assert int(said.split()[-1]) > 10_000  # bytes reported
    assert any(path.endswith("model.safetensors") for path in hub.asked)
    # Once there, it loads although nobody answers.
    hub.shutdown()
    assert load("http://127.0.0.1:9", REPO, tmp_path / "cache").startswith("loaded 2")


def test_damaged_weights_in_the_cache_are_named_and_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    address, cache = f"http://127.0.0.1:{hub.server_port}", tmp_path / "cache"
    assert load(address, REPO, cache).startswith("loaded 2")
    blob = next(cache.rglob("snapshots/*/model.safetensors")).resolve()
    data = bytearray(blob.read_bytes())
    data[-3] ^= 1
    blob.write_bytes(data)
    hub.asked.clear()
    said = load(address, REPO, cache)
    assert said.startswith(f"DownloadError | {REPO}: model.safetensors in the cache of downloads is damaged")
    assert str(blob) in said
    assert not any(path.endswith("model.safetensors") for path in hub.asked)
    assert blob.read_bytes() == data


@pytest.mark.parametrize("case", ["unknown name", "nobody answers", "cut half way", "drips"])
def test_a_hub_that_fails_is_a_clear_message(hub: Hub, case: str, tmp_path: Path) -> None:
    address = "http://127.0.0.1:9" if case == "nobody answers" else f"http://127.0.0.1:{hub.server_port}"
    hub.broken, hub.drips = case == "cut half way", case == "drips"
    said = load(address, "nobody/nothing" if case == "unknown name" else REPO, tmp_path / "cache")
    assert said.startswith("DownloadError |")
    assert ("fewer than 1000 bytes a second" in said) == (case == "drips")
    assert "load it with hf:FOLDER" in said


@pytest.mark.parametrize("pickled", [False, True])
def test_a_published_donut_is_loaded_by_its_short_name(hub: Hub, tmp_path: Path, pickled: bool) -> None:
    """The hub has older repositories without safetensors: their pickles are read as tensors, or not at all."""
    from tests.vit_attention.donuts import folder

    hub.folder, hub.repo = folder(tmp_path / "donut", pickled=pickled), "naver-clova-ix/donut-base"
    tokenizer = json.loads((hub.folder / "tokenizer.json").read_text())
    text = json.dumps(tokenizer).replace("<s_receipt>", "<s_iitcdip>")  # what donut-base is prompted with
    (hub.folder / "tokenizer.json").write_text(text)
    config = (hub.folder / "tokenizer_config.json").read_text()
    (hub.folder / "tokenizer_config.json").write_text(config.replace("<s_receipt>", "<s_iitcdip>"))
    address = f"http://127.0.0.1:{hub.server_port}"
    assert load(address, "donut-base", tmp_path / "cache").startswith("loaded 4 (4, 3, ")
    assert not any(path.endswith(".py") for path in hub.asked)
    hub.broken = True
    (hub.folder / "config.json").write_text("{}" * 100)
    said = load("http://127.0.0.1:9", "donut-cord", tmp_path / "other")
    assert said.startswith("DownloadError | naver-clova-ix/donut-base-finetuned-cord-v2")
    assert "Try again" in said


def test_published_weights_of_timm_come_from_the_hub(hub: Hub, tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="the timm library is not installed: pip install timm")
    from safetensors.torch import save_file

    hub.folder, hub.repo = tmp_path / "timm", "timm/test_vit.r160_in1k"
    hub.folder.mkdir()
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), hub.folder / "model.safetensors")
    (hub.folder / "config.json").write_text(json.dumps({"architecture": "test_vit"}))
    address = f"http://127.0.0.1:{hub.server_port}"
    assert load(address, "timm:test_vit", tmp_path / "cache").startswith("loaded 6 (2, 101, 101)")
    said = load("http://127.0.0.1:9", "timm:test_vit", tmp_path / "empty")
    assert said.startswith("DownloadError | timm/test_vit.r160_in1k: the hub did not give it")
