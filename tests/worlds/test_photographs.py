"""The sample photographs: really inside scikit-image's wheel, the right pixels, never a look at the network, a stated licence."""

from __future__ import annotations

import importlib.metadata
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
from PIL import Image

import vit_attention as va
from worlds import photographs as module
from worlds.photographs import NAMES, photograph, photographs

ORACLE = {
    "astronaut": skimage.data.astronaut,
    "cat": skimage.data.chelsea,
    "coffee": skimage.data.coffee,
    "rocket": skimage.data.rocket,
    "camera": skimage.data.camera,
    "coins": skimage.data.coins,
    "clock": skimage.data.clock,
    "galaxies": skimage.data.hubble_deep_field,
    "brick": skimage.data.brick,
    "grass": skimage.data.grass,
    "gravel": skimage.data.gravel,
}


def test_every_photograph_is_listed_in_the_wheel() -> None:
    shipped = {Path(str(file.locate())).resolve() for file in importlib.metadata.files("scikit-image") or ()}
    assert list(photographs()) == list(NAMES) == list(ORACLE)
    assert {one.file.resolve() for one in photographs().values()} <= shipped


@pytest.mark.parametrize("name", ORACLE)
def test_pixels_agree_with_scikit_image_and_no_socket_is_opened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a sample photograph must not use the network")

    monkeypatch.setattr(socket, "socket", forbidden)
    image, expected = photograph(name).open(), ORACLE[name]()
    assert image.mode == "RGB"
    assert (np.asarray(image) == (expected if expected.ndim == 3 else expected[..., None])).all()
    assert image.size == photograph(name).size


def test_every_photograph_says_what_it_shows_and_whose_it_is() -> None:
    for name, one in photographs().items():
        assert one.name == name
        assert one.title
        assert one.kind in ("object", "face", "animal", "scene", "abstract")
        assert one.description.endswith(".")
        assert one.credit
        assert any(word in one.licence for word in ("CC0", "public domain", "no known copyright restrictions"))


def test_photographs_that_are_missing_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "coffee.png").write_bytes(b"")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: spec)
    photographs.cache_clear()  # what is there is looked for once a process
    try:
        assert list(photographs()) == ["coffee"]
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
        photographs.cache_clear()
        assert photographs() == {}
        with pytest.raises(ValueError, match=r"want one of astronaut, .*, got 'coffee', and scikit-image"):
            photograph("coffee")
    finally:
        photographs.cache_clear()


def test_a_photograph_is_opened_by_its_name_and_a_file_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (np.asarray(va.open_picture("coffee").image) == skimage.data.coffee()).all()
    Image.new("RGB", (20, 10), "red").save(tmp_path / "coffee", "PNG")
    assert va.open_picture("coffee").image.size == (20, 10)
    with pytest.raises(ValueError, match="kitten"):
        va.open_picture("kitten")
