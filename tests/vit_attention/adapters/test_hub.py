"""Loading from a hub by name, against a stand-in on 127.0.0.1 that speaks the hub's protocol."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
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
    """Serves the files of one folder as repository `REPO`; `broken` cuts every file half way, `drips` sends a byte at a time."""

    folder: Path
    repo = REPO
    broken = drips = False
    asked: list[str]


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
        names = [p.name for p in self.server.folder.iterdir()]
        if path.startswith(f"/api/models/{self.server.repo}/tree/"):
            entries = [
                {"type": "file", "path": n, "size": (self.server.folder / n).stat().st_size, "oid": "a" * 40}
                for n in names
            ]
            return self._json(entries)
        if path.startswith(f"/api/models/{self.server.repo}"):
            return self._json({"id": self.server.repo, "sha": COMMIT, "siblings": [{"rfilename": n} for n in names]})
        file = self.server.folder / path.rsplit("/", 1)[-1]
        if not path.startswith(f"/{self.server.repo}/resolve/") or not file.exists():
            return self._json({"error": "Repository not found"}, 404)
        data = file.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body and self.server.drips:
            with contextlib.suppress(OSError):
                for byte in data:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
        elif body:
            self.wfile.write(data[: len(data) // 2] if self.server.broken else data)
        return None


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
    server.folder, server.asked = folder, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


# In a process of its own: the hub's address is read when the library is imported.
PROGRAM = """
import sys, numpy as np, vit_attention as va
from vit_attention.weights import connection
connection.SLOW_S = 2  # seconds
heard = []
try:
    name = sys.argv[1] if sys.argv[1].startswith(("donut", "timm:")) else "hf:" + sys.argv[1]
    model = va.load(name, progress=lambda done, total: heard.append((done, total)))
except Exception as error:
    print(type(error).__name__, "|", error)
else:
    record = model.attend(np.zeros((40, 40, 3), np.uint8), **({"max_tokens": 3} if model.card.task == "read" else {}))
    print("loaded", len(record.maps), record.maps[0].weights.shape, max([d for d, _ in heard], default=0))
"""


def load(hub_address: str, name: str, cache: Path) -> str:
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
        [sys.executable, "-c", PROGRAM, name], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-1500:]
    return done.stdout.strip().splitlines()[-1]


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
