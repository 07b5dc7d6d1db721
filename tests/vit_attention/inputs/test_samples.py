"""The sample photographs: really inside scikit-image's wheel, the right pixels, and never a look at the network."""

from __future__ import annotations

import importlib.metadata
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data

from vit_attention.inputs import samples as module
from vit_attention.inputs.samples import samples

ORACLE = {
    "astronaut": skimage.data.astronaut,
    "cat": skimage.data.chelsea,
    "coffee": skimage.data.coffee,
    "rocket": skimage.data.rocket,
    "motorcycle": lambda: skimage.data.stereo_motorcycle()[0],
}


def test_every_sample_is_listed_in_the_wheel() -> None:
    shipped = {Path(str(file.locate())).resolve() for file in importlib.metadata.files("scikit-image") or ()}
    assert list(samples()) == list(ORACLE)
    assert {sample.file.resolve() for sample in samples().values()} <= shipped


@pytest.mark.parametrize("name", ORACLE)
def test_pixels_agree_with_scikit_image_and_no_socket_is_opened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a sample photograph must not use the network")

    monkeypatch.setattr(socket, "socket", forbidden)
    image = samples()[name].open()
    assert image.mode == "RGB"
    assert (np.asarray(image) == ORACLE[name]()).all()


def test_every_sample_says_what_it_shows_and_whose_it_is() -> None:
    for name, sample in samples().items():
        assert sample.name == name
        assert sample.title
        assert sample.description.endswith(".")
        assert sample.credit
        assert any(word in sample.licence for word in ("CC0", "public domain", "no licence"))


def test_samples_that_are_missing_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "coffee.png").write_bytes(b"")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: spec)
    assert list(samples()) == ["coffee"]
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    assert samples() == {}
