"""The command line as people run it: real processes, bundled models, broken inputs. Few of them: each imports torch."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vit_attention as va
from visualizer import class_rollout, relevance
from visualizer.export.files import overlay_png
from vit_attention.cli.recipe import command
from worlds import receipts
from worlds.scenes import scene

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "data" / "golden_aoanet"


def run(line: str, folder: Path, *, rc: int = 0) -> subprocess.CompletedProcess[str]:
    """One command in a folder of its own; its exit code is checked, and that no traceback was shown."""
    words = shlex.split(line)
    words = [sys.executable, *words[1:]] if words[0] == "python" else [sys.executable, "-m", "vit_attention", *words]
    paths = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    around = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(words, cwd=folder, env=around, capture_output=True, text=True, timeout=280, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == rc, done.stderr
    return done


@pytest.fixture(scope="module")
def scene_vit() -> Any:
    return va.load("scene-vit")


@contextmanager
def pixels(path: Path) -> Iterator[Any]:
    with Image.open(path) as image:
        yield np.asarray(image.convert("RGB")).astype(int)


def same_picture(path: Path, wanted: bytes, folder: Path) -> None:
    (folder / "wanted.png").write_bytes(wanted)
    with pixels(path) as got, pixels(folder / "wanted.png") as expected:
        assert got.shape == expected.shape
        # Two runs of one model may differ in the last bit, which moves a colour by one step at most.
        assert np.abs(got - expected).max() <= 2


def test_help_needs_no_torch_and_shows_examples(tmp_path: Path) -> None:
    script = (
        "import sys; from vit_attention.cli.app import main\n"
        "for words in (['--help'], ['visualize', '--help'], ['read', '--help'], ['models'], ['models', '--json']):\n"
        "    main(words, standalone_mode=False, prog_name='vit-attention')\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "sys.exit(len(loaded & {'torch', 'torchvision', 'transformers', 'plotly', 'scipy', 'streamlit'}))"
    )
    said = run(f"python -c {shlex.quote(script)}", tmp_path).stdout
    for example in (
        "vit-attention visualize cat.jpg",
        "--infos_path infos.pkl --model model.pth",
        "Exit codes: 0",
        "scene-vit",
    ):
        assert example in said


def test_options_without_a_command_on_several_pictures(tmp_path: Path, scene_vit: Any) -> None:
    for seed in (7, 11):
        scene(seed).picture.save(tmp_path / f"scene {seed}.png")
    (tmp_path / "broken.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    before = tmp_path / "attn_vis" / "scene_7"
    before.mkdir(parents=True)
    line = "--image 's*.png' --image folder.png --image missing.jpg broken.png --model scene-vit --layer 3 --head 0"
    done = run(f"{line} --no-avg-heads --save-raw --device cpu --json --bundle", tmp_path, rc=1)
    told = json.loads(done.stdout)
    assert [(Path(one["input"]).name, one["ok"]) for one in told["results"]] == [
        ("scene 11.png", True),
        ("scene 7.png", True),
        ("folder.png", False),
        ("missing.jpg", False),
        ("broken.png", False),
    ]
    for reason in ("want a plain file, got a folder", "want an existing file", "got a text file", "3 of 5"):
        assert reason in done.stderr or reason == "3 of 5"
    assert told["failed"] == 3
    name = "layer_3_encoder.layers.encoder_layer_3.self_attention.png"
    assert {path.name for path in before.iterdir()} == {
        f"attn_map_{name}",
        f"heatmap_{name}",
        "attn_raw_layer_3.npy",
        "scene_7.npz",
    }
    record = scene_vit.attend(scene(7).picture)
    raw = np.load(before / "attn_raw_layer_3.npy")
    np.testing.assert_allclose(raw, record.layers[3][None], atol=1e-6)
    values = record.layers[3][0, 0, 1:].reshape(14, 14)
    drawn = overlay_png(
        scene(7).picture,
        values,
        record.geometry,
        "layer 4, head 1, asked by the class token",
        settings="scene-vit; scene 7.png",
    )
    same_picture(before / f"attn_map_{name}", drawn, tmp_path)
    shown = json.loads(run("show attn_vis/scene_7/scene_7.npz --json", tmp_path).stdout)["results"][0]
    assert (shown["model"], len(shown["maps"]), shown["maps"][3]["keys"]) == ("scene-vit", 12, 197)


def _pages() -> list[tuple[str, dict[str, Any]]]:
    """What pages hand to `command`: a patch through one head, a rollout, a class's relevance."""
    return [
        (
            "raw",
            {
                "layer": 5,
                "head": 2,
                "method": "raw",
                "query": (6, 8),
                "half": True,
                "colormap": "Jet",
                "alpha": 0.4,
                "scale": "log",
                "truth": True,
            },
        ),
        (
            "rollout",
            {
                "method": "rollout",
                "residual": 0.7,
                "discard": 0.25,
                "fusion": "max",
                "half": True,
                "settings": "scene-vit",
            },
        ),
        ("relevance", {"method": "relevance", "start_layer": 2, "target": "star", "caption": "Why a star?"}),
    ]


@pytest.mark.parametrize(("name", "asked"), _pages(), ids=[name for name, _ in _pages()])
def test_a_pages_command_makes_its_picture(name: str, asked: dict[str, Any], tmp_path: Path, scene_vit: Any) -> None:
    run(command("scene-vit", "scene-7", output="here", **asked), tmp_path)
    world = scene(7)
    record = scene_vit.attend(world.picture, half=asked.get("half", False), target=asked.get("target"))
    look: dict[str, Any] = {"settings": "scene-vit; Scene 7"}
    if name == "raw":
        values = record.maps[5].single[2, 1 + 6 * 14 + 8, 1:]
        words = "layer 6, head 3, asked by the patch in row 7, column 9"
        look |= {"colormap": "Jet", "opacity": 0.4, "scale": "log", "truth": world.mask, "query": (6 * 14 + 8,)}
    elif name == "rollout":
        values = class_rollout(record.layers, 0.7, "max", 0.25)[1:]
        words = (
            "rollout from layer 1 to the last, max of heads, residual share 0.7, discard 25%, asked by the class token"
        )
        look["settings"] = "scene-vit"
    else:
        values, words = relevance(record.layers, record.gradients, start_layer=2)[1:], "Why a star?"
        look["unit"] = "relevance"
    (made,) = (tmp_path / "here").glob("attn_map_*.png")
    same_picture(made, overlay_png(world.picture, values.reshape(14, 14), record.geometry, words, **look), tmp_path)


def test_reading_a_folder_leaves_out_bad_pages_and_goes_on(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    truth = {name: receipts.receipt(seed, lines) for name, seed, lines in (("a", 3, 1), ("b", 5, 2))}
    for name, page in truth.items():
        page.picture.save(pages / f"{name}.png")
    (pages / "bad.png").write_bytes(b"\x89PNG\r\n")
    (pages / "notes.txt").write_text("no page")
    line = "read pages --model receipt-donut --output out --json"
    first = json.loads(run(line, tmp_path, rc=1).stdout)
    assert [(Path(one["input"]).name, one["ok"]) for one in first["results"]] == [
        ("a.png", True),
        ("b.png", True),
        ("bad.png", False),
    ]
    for name, page in truth.items():
        found = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert found["page"] == [384, 512]
        box = next(field["box"] for field in found["fields"] if field["path"] == "total")
        last = page.words[next(piece for piece in page.pieces if piece.field == "total").words[-1]]
        left, top, right, bottom = (
            f(side) for f, side in zip((min, min, max, max), zip(*last.characters, strict=True), strict=True)
        )
        assert box[0] < (left + right) / 2 < box[2]
        assert box[1] < (top + bottom) / 2 < box[3]
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith("bad") or "tmp" in path.name]

    # A half-written file, and a page that has changed, are no pages done.
    whole = (tmp_path / "out" / "a.json").read_text()
    (tmp_path / "out" / "a.json").write_text(whole[: len(whole) // 2])
    receipts.receipt(8, 1).picture.save(pages / "b.png")
    receipts.receipt(9, 1).picture.save(pages / "bad.png")
    again = json.loads(run(line, tmp_path).stdout)
    assert [one["skipped"] for one in again["results"]] == [False, False, False]
    assert (tmp_path / "out" / "a.json").read_text() == whole
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    third = run(line, tmp_path)
    assert [one["skipped"] for one in json.loads(third.stdout)["results"]] == [True, True, True]
    assert "3 of 3 pages were already done" in third.stderr
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}


def test_a_captioning_checkpoint_with_its_features(tmp_path: Path) -> None:
    golden = np.load(GOLDEN / "aoanet.npz")
    Image.fromarray(np.full((90, 120, 3), 128, np.uint8)).save(tmp_path / "picture.png")
    corners = np.stack([np.arange(36) * 2.0, np.arange(36) * 1.0], axis=1)
    np.savez(tmp_path / "picture.npz", features=golden["att_feats"][0], boxes=np.hstack([corners, corners + 20]))
    infos, model = GOLDEN / "infos_aoatiny-best.pkl", GOLDEN / "model-best.pth"
    files = f"--infos_path {infos} --model {model} --features picture.npz"
    run(f"--image picture.png {files} --save-raw", tmp_path)
    out = tmp_path / "attn_vis"
    names = sorted(path.name for path in out.glob("attn_map_layer_*.png"))
    assert len(names) == 7
    assert names[-1].startswith("attn_map_layer_6_core.attention")
    decoder = np.load(out / "attn_raw_layer_6.npy")
    np.testing.assert_allclose(decoder[0], golden["decoder_attn"][: decoder.shape[2], 0].transpose(1, 0, 2), atol=1e-5)
    # The same flags under the name that scripts know, another head, another folder, and the look they are used to.
    script = shlex.quote(str(ROOT / "tools" / "visualize_attention.py"))
    run(
        f"python {script} --image picture.png {files} --layer 6 --head 2 --no-avg-heads --device cpu --colormap jet --output o",
        tmp_path,
    )
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [
        "attn_map_layer_6_core.attention.png",
        "heatmap_layer_6_core.attention.png",
    ]
    done = run(f"--image picture.png --infos_path {model} --model {model}", tmp_path, rc=2)
    assert "refused" in done.stderr or "infos" in done.stderr
    done = run(f"--image picture.png --infos_path {infos} --model {model}", tmp_path, rc=1)
    assert "picture.png: " in done.stderr


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("visualize scene-7 --model no-such", "want one of scene-vit, photo-dino"),
        ("visualize --model scene-vit", "want at least one IMAGE"),
        ("visualize scene-7", "want --model with one of scene-vit"),
        ("visualize scene-7 --model scene-vit --layer 3-1", "from small to large"),
        ("visualize scene-7 --model scene-vit --layer 12", "--layer: want numbers of 0 to 11, got 12"),
        ("visualize scene-7 --model scene-vit --head 99", "--head: want numbers of 0 to"),
        ("visualize scene-7 --model scene-vit --query 14,0", "want a patch from 0,0 to 13,13"),
        (
            "visualize scene-7 --model scene-vit --target cat",
            "--target: want a class name or a number from 0 to 11, got 'cat'",
        ),
        ("visualize scene-7 --model scene-vit --prompt x", "takes no --prompt"),
        ("visualize scene-7 --model scene-vit --features x.npz", "--features: want a captioning model"),
        ("visualize scene-7 --model scene-vit --colormap rainbow", "is not one of"),
        ("visualize scene-7 --model scene-vit --device gpu", "want cpu, cuda"),
        ("visualize scene-7 --model model.pth", "add --infos_path FILE"),
        (
            "extract scene-7 --model scene-vit --weights none.pth",
            "none.pth: want an existing file, got none of this name",
        ),
        ("read scene-7 --model scene-vit", "want a reader of documents"),
        ("visualize scene-7 --model scene-vit --stage 1 --query 0,0", "scene-vit has no windows"),
        (
            "visualize receipt-3-3 --model receipt-donut --stage 9 --query 0,0",
            "want a stage with so many blocks (0: 1, 1: 1, 2: 4",
        ),
        ("visualize receipt-3-3 --model receipt-donut --stage 2", "want one --query row,column from 0,0 to 15,23"),
        ("visualize receipt-3-3 --model receipt-donut --stage 2 --query 0,0 --query 0,1", "got 0,0 0,1"),
        (
            "visualize receipt-3-3 --model receipt-donut --stage 2 --query 0,0 --method rollout",
            "--stage and --block draw weights as they are: leave --method out, got rollout",
        ),
        (
            "visualize scene-7 --model scene-vit --method likeness",
            "want one patch or several, row,column from 0,0 to 13,13",
        ),
        ("visualize scene-7 --model scene-vit --method rollout --layer 3,4", "want one --layer, where it ends, got 2"),
        (
            "visualize receipt-3-3 --model receipt-donut --method painted --query 1,1",
            "needs painted, which receipt-donut (read) does not have",
        ),
        ("read receipt-3-3 --model receipt-donut --layer 9", "--layer: want numbers of 0 to 3, got 9"),
        ("--layer 3", "want at least one IMAGE"),
        ("unknown", "No such command 'unknown'"),
    ],
)
def test_wrong_commands_end_with_two_and_the_next_step(
    line: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene_vit: Any
) -> None:
    """In this process, which has the model: thirty more imports of torch would prove nothing else."""
    from click.testing import CliRunner

    from vit_attention import registry
    from vit_attention.cli.app import main

    load = registry.load
    monkeypatch.setattr(
        registry,
        "load",
        lambda name, *a, **k: scene_vit if name == "scene-vit" and a[0] is None else load(name, *a, **k),
    )
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, shlex.split(line))
    assert done.exit_code == 2, done.output
    assert why in " ".join(done.output.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert not list(tmp_path.iterdir())


def test_bundles_are_shown_and_drawn_without_torch(
    tmp_path: Path, scene_vit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = scene_vit.attend(scene(7).picture)
    record.save(tmp_path / "whole.npz")
    shaken = replace(
        record.maps[0], weights=np.where(np.eye(197, dtype=bool), np.nan, record.maps[0].weights).astype(np.float32)
    )
    hollow = object.__new__(va.AttentionRecord)
    hollow.__dict__.update({**record.__dict__, "maps": (shaken,)})
    monkeypatch.setattr("vit_attention.records.checks.check_kept", lambda record: None)
    hollow.save(tmp_path / "hollow.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:5000])
    script = (
        "import sys; from vit_attention.cli.app import main\n"
        "main(['show', 'whole.npz'], standalone_mode=False)\n"
        "main(['visualize', 'whole.npz', '--layer', '11', '--plain', '--output', 'drawn'], standalone_mode=False)\n"
        "code = main(['show', 'cut.npz', 'hollow.npz'], standalone_mode=False)\n"
        "sys.exit(10 * (code or 0) + len({'torch', 'torchvision', 'transformers'} & set(sys.modules)))"
    )
    done = run(f"python -c {shlex.quote(script)}", tmp_path, rc=10)
    assert "scene-vit (" in done.stdout
    assert "cut.npz: want a whole Sightlines bundle" in done.stderr.replace("cut.npz: cut.npz", "cut.npz")
    with pixels(next((tmp_path / "drawn").glob("attn_map_layer_11_*.png"))) as drawn:
        assert drawn.shape == (224, 224, 3)
