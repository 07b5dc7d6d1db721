"""`visualize --together`: one fit for all pictures, and what cannot be fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vit_attention as va
from visualizer import components, methods
from vit_attention.cli.app import main


def visualize(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["visualize", *words, "--model", "scene-vit"])
    return done.exit_code, done.output


def test_all_pictures_are_drawn_in_the_colours_of_one_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names, look = ("scene-1", "scene-2"), ("--method", "components", "--layer", "9", "--plain", "--output", "out")
    code, said = visualize(*names, "missing.png", "--together", *look)
    assert (code, said.count("missing.png")) == (1, 2)  # why, and in the list at the end
    model = va.load("scene-vit")
    records = [model.attend(name, keep=methods()["components"].needs) for name in names]
    for name, found in zip(names, components(records, layer=9), strict=True):
        drawn = np.asarray(Image.open(tmp_path / "out" / name / "heatmap_layer_9_components.png"))
        assert found.colours is not None
        np.testing.assert_allclose(drawn[8::16, 8::16], 255 * found.colours, atol=1)


def test_other_methods_are_fitted_on_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = visualize("scene-1", "--together")
    assert code == 2
    assert "--together: want --method components, got --method raw" in said
    assert not (tmp_path / "attn_vis").exists()


def test_features_of_two_models_have_no_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.chdir(tmp_path)
    record = va.load("scene-vit").attend("scene-1", keep={"hidden"}, layers=[9], queries=[0])
    record.save(tmp_path / "a.npz")
    narrow = replace(record, signals={"hidden": record.signals["hidden"][..., :50]})
    narrow.save(tmp_path / "b.npz")
    done = CliRunner().invoke(main, ["visualize", "a.npz", "b.npz", "--method", "components", "--together"])
    assert done.exit_code != 0
    assert "features: want one width in all pictures, got 50 and" in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "attn_vis").exists()
