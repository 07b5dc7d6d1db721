"""Every page on a published architecture with another grid, and what happens when its weights cannot be had."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from tests.pages.reading import figures, fine
from ui.frame import table
from ui.parts import fetching
from ui.store import resources
from vit_attention import registry
from vit_attention.weights.download import DownloadError, DownloadStopped

App = Callable[..., AppTest]
WITHOUT = ("glossary", "atlas", "class_results")
WITH_PICTURES = [one.name for one in table.PAGES if one.section in ("Learn", "Explore") and one.name not in WITHOUT]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeded ViT-B/32 weights under a name that the app takes for the published ones."""
    from vit_attention import compat  # noqa: F401

    from torchvision.models import vit_b_32  # isort: skip

    torch.manual_seed(0)
    model = vit_b_32()
    torch.nn.init.normal_(model.heads.head.weight, std=0.02)
    path = tmp_path_factory.mktemp("cache") / "vit_b_32-d86f8d99.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture
def there(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The weights are in the cache, and loading takes them."""
    plain = registry.load
    monkeypatch.setenv("SIGHTLINES_CACHE", str(weights.parent))
    monkeypatch.setattr(
        registry,
        "load",
        lambda name, given=None, progress=None: (
            plain(name, given or weights, progress) if name == "vit-b-32" else plain(name, given, progress)
        ),
    )
    yield
    resources.model.clear()


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_every_page_works_on_a_7_by_7_grid_and_a_photograph(name: str, app: App, there: None) -> None:
    page = app(name, model="vit-b-32", picture="cat", layer="12", ask="patch", row="14", column="2")
    assert page.selectbox(key="model").value == "vit-b-32"
    assert not [one.max for one in page.number_input if one.key == "row" and one.max != 7]
    assert page.session_state["row"] <= 7
    if name in ("heads", "playground", "compare"):
        assert any("There is no row 14, only 1 to 7" in one.value for one in page.warning)
    assert not [w.value for w in page.warning if "knows only twelve" in w.value]
    assert figures(page)


class Server:
    """Stands in for the network: a download of 10 MB that stays at 4 until it is told to go on, or stopped."""

    def __init__(self) -> None:
        self.go_on, self.stopped, self.asked = threading.Event(), threading.Event(), list[str]()

    def fetch(self, name: str, progress: Any, again: bool = False) -> Path:
        self.asked.append(name)
        try:
            while not self.go_on.wait(0.01):
                progress(4_000_000, 10_000_000)
        except DownloadStopped:
            self.stopped.set()
            raise
        raise DownloadError("nothing there. Download it yourself and load it with hf:FOLDER")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """No download of another test is under way, and none of this one's afterwards."""
    found = Server()
    monkeypatch.setattr(registry, "fetch", found.fetch)
    yield found
    found.go_on.set()
    ended()


def ended() -> None:
    """Wait until no download is under way."""
    until = time.monotonic() + 20
    while fetching.running() is not None and time.monotonic() < until:
        time.sleep(0.02)
    assert fetching.running() is None


def told(page: AppTest, share: str = "4 of 10 MB") -> AppTest:
    """The page once its bar stands there."""
    until = time.monotonic() + 20
    while share not in str([one.proto.text for one in page.get("progress")]) and time.monotonic() < until:
        time.sleep(0.05)
        fine(page.run())
    assert share in str([one.proto.text for one in page.get("progress")])
    return page


def labels(page: AppTest) -> list[str]:
    return [one.label for one in page.button]


def test_a_download_can_be_cancelled_and_is_the_only_one(app: App, network: Server) -> None:
    page, other = app("heads", model="deit-tiny"), app("heads", model="deit-small")
    assert page.button(key="fetch_weights").label == "Download deit-tiny (23 MB)"
    told(fine(page.button(key="fetch_weights").click().run()))
    assert "Cancel" in labels(page)
    told(fine(other.run()), "Another download is running; there is one at a time. Downloading deit-tiny: 4 of 10 MB")
    assert not {"Cancel", "Download deit-small (88 MB)"} & set(labels(other))
    assert figures(page)
    assert figures(other)
    fine(page.button(key="fetch_weights_stop").click().run())
    assert network.stopped.wait(20)
    ended()
    fine(page.run())
    assert "Download deit-tiny (23 MB)" in labels(page)
    assert not page.error
    fine(other.run())
    told(fine(other.button(key="fetch_weights").click().run()), "Downloading deit-small: 4 of 10 MB")
    assert network.asked == ["deit-tiny", "deit-small"]


def test_a_failure_is_told_to_whoever_asked_for_it(app: App, network: Server) -> None:
    page, other = app("heads", model="deit-tiny"), app("heads", model="deit-tiny")
    network.go_on.set()
    fine(page.button(key="fetch_weights").click().run())
    ended()
    fine(page.run())
    fine(other.run())
    assert any("did not succeed" in one.value for one in page.error)
    assert any("load it with hf:FOLDER" in one.value for one in page.text)
    assert figures(page)
    assert not other.error


@pytest.fixture
def visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has the key, and the server is one of Streamlit Community Cloud."""
    monkeypatch.setattr(resources, "machine", lambda: 4 * 690)
    for name in (resources.MEMORY, resources.ALLOW):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "variable", "value", "words"),
    [
        ("vit-b-16", "", "", "needs about 850 MB of memory, more than the 690 MB of this server"),
        ("deit-tiny", "", "", ""),
        ("deit-tiny", resources.MEMORY, "500", "more than the 500 MB of this server"),
        ("vit-b-16", resources.MEMORY, "850", ""),
        ("vit-b-16", resources.MEMORY, "plenty", "want a whole number of megabytes, got 'plenty'"),
        ("vit-b-16", resources.ALLOW, "deit-small", "SIGHTLINES_ALLOW"),
        ("vit-b-16", resources.ALLOW, "deit-small, vit-b-16", ""),
        ("vit-l-16", resources.ALLOW, "all", ""),
    ],
)
def test_visitors_are_offered_what_fits_the_server(
    app: App, visitors: None, monkeypatch: pytest.MonkeyPatch, name: str, variable: str, value: str, words: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, value)
    page = app("heads", model=name)
    refused = [one.value for one in page.markdown if "This page shows **" in one.value]
    assert bool(refused) == bool(words)
    assert words in "".join(refused)
    assert any(label.startswith(f"Download {name}") for label in labels(page)) == (not words)
    assert figures(page)


def test_a_model_of_the_hub_that_is_there_is_shown(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    from vit_attention import compat  # noqa: F401
    from transformers import ViTConfig, ViTForImageClassification  # isort: skip

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    card = registry.card("deit-tiny")
    folder = tmp_path / f"models--{card.hub.replace('/', '--')}" / "snapshots" / card.revision
    config = ViTConfig(hidden_size=24, num_hidden_layers=12, num_attention_heads=3, intermediate_size=48)
    ViTForImageClassification(config).save_pretrained(folder)
    page = app("heads", model="deit-tiny", picture="cat")
    assert not any(label.startswith("Download") and "deit" in label for label in labels(page))
    assert page.select_slider(key="head").options == ["mean", "1", "2", "3"]
    assert figures(page)
    resources.model.clear()


def test_without_its_weights_the_page_stays_on_the_bundled_model(app: App) -> None:
    page = app("heads", model="vit-b-16")
    assert any("not on this machine yet" in m.value for m in page.markdown)
    assert page.button(key="fetch_weights")
    assert figures(page)


def test_a_failed_download_is_a_message_and_the_page_goes_on(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: object, **_kwargs: object) -> None:
        raise DownloadError("no network. Download it yourself and load it with va.load(name, weights=FILE)")

    monkeypatch.setattr("vit_attention.adapters.torchvision_vit.fetch", unreachable)
    page = app("heads", model="vit-b-16")
    fine(page.button(key="fetch_weights").click().run())
    ended()
    fine(page.run())
    assert page.error
    assert any("Download it yourself" in one.value for one in page.text)
    assert figures(page)
    fine(page.selectbox(key="model").set_value("scene-vit").run())
    assert not page.error


def test_a_photograph_under_the_bundled_model_says_what_that_means(app: App) -> None:
    page = app("heads", picture="astronaut", model="scene-vit")
    assert any("knows only twelve drawn shapes" in w.value for w in page.warning)
    fine(page.button(key="use_photo_model").click().run())
    assert page.selectbox(key="model").value == "photo-dino"
    assert not page.warning
