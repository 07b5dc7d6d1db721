"""`--size` and `--whole`: what is drawn of large pictures, and that little else is kept for it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import vit_attention as va
from visualizer import methods
from vit_attention.cli.app import main


def run(line: str, folder: Path) -> Any:
    return CliRunner().invoke(main, [*shlex.split(line), "--model", "scene-vit", "--output", str(folder)])


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("--layer 4 --query 3,4 --head 2", {"layer": 4, "query": (3, 4), "head": 2}),
        ("--method rollout --head-fusion max", {"method": "rollout", "head_fusion": "max"}),
        ("--method mean-of-layers --query mean", {"method": "mean-of-layers", "query": "mean"}),
    ],
)
def test_a_drawing_of_a_large_picture(options: str, asked: dict[str, Any], tmp_path: Path) -> None:
    """The bundle beside the drawing holds little, and the map in it is that of the complete record."""
    done = run(f"visualize scene-7 --size 136 {options} --bundle", tmp_path)
    assert done.exit_code == 0, done.output
    (file,) = tmp_path.rglob("*.npz")
    made, full = va.AttentionRecord.load(file), va.load("scene-vit").attend("scene-7", size=136)
    assert made.nbytes < full.nbytes / 10
    np.testing.assert_allclose(made.heatmap(**asked), full.heatmap(**asked), atol=2e-3)


@pytest.mark.parametrize(
    "options",
    [
        "--size 128",
        "--size 136 --query each --layer 0",
        "--size 136 --method rollout --without-sinks",
        "--size 136 --save-raw",
        "",
    ],
)
def test_everything_is_kept_where_it_is_small_or_asked_for(
    options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[Any] = []

    def attend(self: Any, given: Any, **asked: Any) -> Any:
        wanted.append(asked)
        raise ValueError("enough")

    monkeypatch.setattr(type(va.load("scene-vit")), "attend", attend)
    run(f"visualize scene-7 {options}", tmp_path)
    (asked,) = wanted
    assert not {"queries", "whole", "half"} & {*asked}


def test_a_bundle_with_one_layer_whole(tmp_path: Path) -> None:
    done = run("extract scene-7 --size 96,136 --queries 0 --whole 8 --json", tmp_path)
    assert done.exit_code == 0, done.output
    (file,) = tmp_path.rglob("*.npz")
    made = va.AttentionRecord.load(file)
    assert made.maps[0].key.grid == (12, 17)
    assert [one.queries for one in made.maps] == [None if n == 8 else (0,) for n in range(12)]
    assert json.loads(done.stdout)
    with pytest.raises(ValueError, match=r"whole=\[3\]"):
        methods()["raw"](made, layer=3, query=(1, 1))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("visualize scene-7 --size 130", "size: want multiples of the patch, 8 x 8 pixels, such as 128 or 136"),
        ("visualize scene-7 --size large", "want pixels such as 518, or height,width such as 224,336"),
        ("extract scene-7 --queries 0 --whole 12", "whole: want numbers from 0 to 11"),
        ("visualize scene-7 --size 136 --query 17,0", "want a patch from 0,0 to 16,16"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_written(line: str, why: str, tmp_path: Path) -> None:
    done = run(line, tmp_path)
    assert done.exit_code != 0
    assert why in done.output
    assert "Traceback" not in done.output
    assert not [*tmp_path.rglob("*.*")]
