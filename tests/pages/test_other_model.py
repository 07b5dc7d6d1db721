"""Every page on a published architecture with another grid, and what happens when its weights cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from tests.pages.reading import figures, fine
from ui import resources
from ui.start import TABLE
from vit_attention import registry
from vit_attention.weights.download import DownloadError

App = Callable[..., AppTest]
LESSONS = [name for part, name, _ in TABLE if part in ("Learn", "Explore")]


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
    monkeypatch.setattr(registry, "load", lambda name, given=None, progress=None: plain(name, given or weights, progress) if name == "vit-b-32" else plain(name, given, progress))  # fmt: skip
    yield
    resources.model.clear()


@pytest.mark.parametrize("name", LESSONS)
def test_every_page_works_on_a_7_by_7_grid_and_a_photograph(name: str, app: App, there: None) -> None:
    page = app(name, model="vit-b-32", picture="cat", layer="12", ask="patch", row="14", column="2")
    assert page.selectbox(key="model").value == "vit-b-32"
    assert page.number_input(key="row").max == 7
    assert page.session_state["row"] <= 7
    assert not [w.value for w in page.warning if "knows only twelve" in w.value]
    assert figures(page)


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
    assert any("Download it yourself" in e.value for e in page.error)
    assert figures(page)
    fine(page.selectbox(key="model").set_value("scene-vit").run())
    assert not page.error


def test_a_photograph_under_the_bundled_model_says_what_that_means(app: App) -> None:
    page = app("heads", picture="astronaut")
    assert any("knows only twelve drawn shapes" in w.value and "ViT-B/16" in w.value for w in page.warning)
