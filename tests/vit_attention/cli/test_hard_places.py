"""The command line where things go wrong around it: streams, signals, links, rights, names; never a traceback."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from vit_attention.cli import fetch as fetching
from vit_attention.cli.app import main
from vit_attention.cli.files import MOST_BYTES, distinct, safe
from vit_attention.cli.inputs import Given, expand
from vit_attention.cli.provenance import Origin, Shelf, bundle_says
from vit_attention.gate import GateError
from vit_attention.inputs.finding import matching
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry
from vit_attention.records.record import encode_picture

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = f"{shlex.quote(sys.executable)} -m vit_attention"


def around(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


def shell(line: str, folder: Path, **more: str) -> tuple[int, str, str]:
    """What `line` says in bash, with vit-attention for the program, and the exit code of its first part."""
    words = ["bash", "-c", f"{line.replace('vit-attention', PROGRAM)}; exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(words, cwd=folder, env=around(**more), capture_output=True, timeout=60, check=False)
    said = done.stderr.decode(errors="replace")
    assert not any(word in said for word in ("Traceback", "Exception ignored", "unexpected")), said
    return done.returncode, done.stdout.decode(errors="replace"), said


def invoke(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(one) for one in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "unexpected" not in done.output
    return done.exit_code, " ".join(done.output.split())


def a_bundle(path: Path, seed: int = 0, shade: int = 128) -> Path:
    axis = Axis.patches(2, 3, ("class",))
    weights = np.random.default_rng(seed).dirichlet(np.ones(7), (2, 7)).astype(np.float32)
    picture = encode_picture(Image.new("RGB", (60, 40), (shade, 9, 9)))
    one = AttentionMap(weights, "block.0", 0, "self", axis, axis)
    return AttentionRecord((one,), Geometry.of(60, 40), picture=picture, model="tiny").save(path)


# Streams


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("vit-attention models --json | head -1", 0, ""),
        ("vit-attention models > /dev/full", 1, "cannot write to standard output (No space left on device)"),
        ("vit-attention visualize --help > /dev/full", 1, "cannot write to standard output"),
        ("vit-attention show one.npz >&-", 0, ""),
        ("vit-attention show nothing.npz one.npz 2>&-", 1, ""),
        ("vit-attention show nothing.npz one.npz 2> /dev/full", 1, ""),
        ("vit-attention visualize one.npz --output out > /dev/full", 1, "cannot write to standard output"),
    ],
)
def test_output_that_nobody_takes(line: str, code: int, words: str, tmp_path: Path) -> None:
    a_bundle(tmp_path / "one.npz")
    got, _, said = shell(line, tmp_path)
    assert got == code or "head" in line
    assert words in said


def test_output_that_is_not_in_utf8_is_escaped(tmp_path: Path) -> None:
    names = ["图é\U0001f600.npz", os.fsdecode(b"\xff\xfe.npz")]
    for name in names:
        a_bundle(tmp_path / name)
    code, said, _ = shell("vit-attention show *.npz --json", tmp_path, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert code == 0
    assert {one["input"] for one in json.loads(said)["results"]} == {names[0], "\\udcff\\udcfe.npz"}


# Signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_run_that_is_stopped_says_so_and_leaves_whole_files(
    number: int, code: int, tmp_path: Path, usual_signals: Callable[[], None]
) -> None:
    for n in range(60):
        a_bundle(tmp_path / f"{n}.npz")
    words = [sys.executable, "-m", "vit_attention", "visualize", *(f"{n}.npz" for n in range(60)), "--output", "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    job = subprocess.Popen(words, cwd=tmp_path, env=around(), preexec_fn=usual_signals, **pipes)
    assert job.stdout is not None
    job.stdout.readline()
    time.sleep(0.05)
    job.send_signal(number)
    said = job.communicate(timeout=30)[1].decode()
    assert job.returncode == code, said
    assert said.splitlines()[-1].startswith("Stopped (SIG")
    assert "Traceback" not in said
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert files
    for path in files:
        with Image.open(path) as image:
            image.load()


# Names


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("图" * 83, "图" * (MOST_BYTES // 3)),
        ("\U0001f600" * 60, "\U0001f600" * (MOST_BYTES // 4)),
        ("e\u0301t\u00e9", "été"),
        ("हिन्दी", "हिन्दी"),
        ("שלום\u202eabc", "שלום_abc"),
        ("CON", "_CON"),
        ("nul.backup", "_nul.backup"),
        ("console", "console"),
        (" name. ", "_name._"),
        ("a\nb\x1b[2J", "a_b_2J"),
        ("\udcff\udcfe", "_"),
        ("a__b", "a__b"),
        ("...", "unnamed"),
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
    ],
)
def test_names_of_files_fit_every_system(name: str, wanted: str) -> None:
    assert safe(name) == wanted
    assert len(safe(name).encode()) <= MOST_BYTES


def test_names_that_some_systems_hold_for_one_are_told_apart() -> None:
    names = distinct([Path("Page.png"), Path("page.jpg"), Path("PAGE.png"), Path("e\u0301.png"), Path("\u00e9.jpg")])
    assert len({name.casefold() for name in names}) == 5


# Folders


def test_every_real_folder_is_entered_once(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for path in (tmp_path / "0.png", inner / "1.png", inner / ".hidden.png"):
        path.write_bytes(b"x")
    for name in ("one", "two"):
        (inner / name).symlink_to(tmp_path, target_is_directory=True)
    began = time.monotonic()
    assert [Path(one).name for one in matching(f"{tmp_path}/**/*.png")] == ["0.png", "1.png"]
    assert sorted(Path(one).name for one in matching(f"{tmp_path}/**/b/**/*.png")) == ["0.png", "1.png"]
    assert [Path(one).name for one in matching(f"{tmp_path}/a/*/one/*.png")] == ["0.png"]
    assert time.monotonic() - began < 2


def test_a_glob_over_a_whole_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vit_attention.gate import Limit
    from vit_attention.inputs import finding

    for n in range(5):
        (tmp_path / str(n)).mkdir()
    monkeypatch.setitem(finding.LIMITS, "folders", Limit(3, "folders", "a test"))
    with pytest.raises(GateError, match=r"want at most 3 folders, got 4. Name a folder further down"):
        matching(f"{tmp_path}/**/*.png")


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "a\nb\x1b[2J", "\udcff", "[", "/dev/zero", "loop", "pipe"])
@pytest.mark.parametrize("command", [["show"], ["visualize", "--model", "scene-vit"]])
def test_names_that_no_file_has(command: Sequence[str], name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.symlink("loop", "loop")
    code, said = invoke(*command, name)
    assert code == 1
    assert "1 of 1 inputs failed" in said


@pytest.mark.parametrize("place", ["file", "file/below", "dangling", "", "/dev/null/x", "/proc/self/mem/x"])
def test_places_that_take_no_files_are_refused_before_the_work(place: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    os.symlink("nowhere", "dangling")
    code, said = invoke("visualize", a_bundle(tmp_path / "one.npz"), "--output", place)
    assert code == 2
    assert "--output" in said
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e400", "", "x", "-1", "½", "9" * 5000])
@pytest.mark.parametrize("option", ["--clip", "--alpha", "--layers", "--heads", "--width", "--residual", "--beams"])
def test_numbers_that_are_none(option: str, number: str, tmp_path: Path) -> None:
    code, said = invoke("visualize", a_bundle(tmp_path / "one.npz"), "--output", tmp_path / "out", option, number)
    assert code == 2
    assert option.removesuffix("s") in said
    assert not (tmp_path / "out").exists()


# Batches


def test_a_batch_goes_on_past_whatever_is_damaged_and_lists_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    a_bundle(tmp_path / "first.npz")
    a_bundle(tmp_path / "last.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "first.npz").read_bytes()[:900])
    np.savez("features.npz", features=np.zeros((3, 4)))
    bundles = ["first.npz", "cut.npz", "none.npz", "features.npz", "last.npz"]
    for command in (["show"], ["visualize", "--output", "out"]):
        code, said = invoke(*command, *bundles)
        assert code == 1
        assert "3 of 5 inputs failed: cut.npz, none.npz, features.npz. The others are done." in said
        assert "last" in said.split("3 of 5")[0]


def test_a_fault_of_ours_is_one_sentence_and_the_next_input_is_done(tmp_path: Path, monkeypatch: Any) -> None:
    load = AttentionRecord.load

    def broken(path: Path) -> AttentionRecord:
        if "first" in str(path):
            raise ZeroDivisionError("by\nzero")
        return load(path)

    monkeypatch.setattr(AttentionRecord, "load", broken)
    names = [a_bundle(tmp_path / f"{name}.npz") for name in ("first", "last")]
    done = CliRunner().invoke(main, ["show", *map(str, names)])
    assert done.exit_code == 1
    assert "unexpected ZeroDivisionError: by zero. Please report it" in done.output
    assert "Traceback" not in done.output
    assert "tiny" in done.output
    assert "Traceback" in CliRunner().invoke(main, ["--debug", "show", str(names[0])]).output


# Nothing overwritten


def test_drawings_of_another_input_stay(tmp_path: Path) -> None:
    for folder, shade in (("a", 10), ("b", 200)):
        (tmp_path / folder).mkdir()
        a_bundle(tmp_path / folder / "one.npz", shade=shade)
    out = tmp_path / "out"
    assert invoke("visualize", tmp_path / "a" / "one.npz", "--output", out, "--bundle")[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, said = invoke("visualize", tmp_path / "b" / "one.npz", "--output", out, "--bundle")
    assert code == 0
    assert f"{out} holds drawings of another picture" in said
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert {path.name for path in (out / "one").iterdir()} == set(before)
    # The same input again has the same place.
    assert invoke("visualize", tmp_path / "a" / "one.npz", "--output", out, "--colormap", "Jet")[0] == 0
    assert {path.name for path in out.iterdir()} == {*before, "one"}
    assert (out / "attn_map_layer_0_block.0.png").read_bytes() != before["attn_map_layer_0_block.0.png"]


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    a_bundle(tmp_path / "one.npz")
    before = (tmp_path / "one.npz").read_bytes()
    invoke("visualize", tmp_path / "one.npz", "--output", tmp_path, "--bundle")
    picture = tmp_path / "heatmap_layer_0_block.0.png"
    assert (tmp_path / "one.npz").read_bytes() == before
    drawn = picture.read_bytes()
    shelf = Shelf(tmp_path, [Given(str(picture), "one")], bundle_says)
    assert (
        shelf.base(Given(str(picture), "one"), Origin("place", "content")).name == "one-3"
    )  # one-2 is the bundle's copy
    assert picture.read_bytes() == drawn


def test_an_input_keeps_its_name_when_others_come(tmp_path: Path) -> None:
    origin = Origin("here", "bytes")
    origin.sign(AttentionRecord.load(a_bundle(tmp_path / "x.npz"))).save(tmp_path / "page.npz")
    items = [Given("page.jpg", "page.jpg"), Given("page.png", "page.png")]
    shelf = Shelf(tmp_path, items, bundle_says)
    assert shelf.base(items[0], Origin("here", "other bytes")).name == "page"
    assert shelf.base(items[1], Origin("there", "more bytes")).name == "page.png"
    later = Shelf(tmp_path, items[1:], bundle_says)
    assert later.base(Given("b/page.png", "page"), Origin("b", "b")).name == "page-2"


def test_an_input_finds_its_files_though_another_comes_first_now(tmp_path: Path) -> None:
    origins = {one: Origin(one, one) for one in ("a", "b")}
    items = {one: Given(f"{one}/page.png", name) for one, name in (("a", "page.png"), ("b", "page.png-2"))}
    shelf = Shelf(tmp_path, items.values(), bundle_says)
    record = AttentionRecord.load(a_bundle(tmp_path / "x.npz"))
    names = {one: shelf.base(items[one], origins[one]).name for one in "ab"}
    for one, name in names.items():
        origins[one].sign(record).save(tmp_path / f"{name}.npz")
    swapped = {"b": Given("b/page.png", "page.png"), "a": Given("a/page.png", "page.png-2")}
    again = Shelf(tmp_path, swapped.values(), bundle_says)
    assert {one: again.base(swapped[one], origins[one]).name for one in "ba"} == names


def test_two_processes_that_save_under_one_name_keep_both(tmp_path: Path) -> None:
    for folder, shade in (("a", 10), ("b", 200)):
        (tmp_path / folder).mkdir()
        a_bundle(tmp_path / folder / "one.npz", shade=shade)
    words = [sys.executable, "-m", "vit_attention", "extract", "--output", "out"]
    runs = [subprocess.Popen([*words, f"{one}/one.npz"], cwd=tmp_path, env=around()) for one in "ab"]
    assert [one.wait(timeout=60) for one in runs] == [0, 0]
    assert {one.name for one in (tmp_path / "out").iterdir()} == {"one.npz", "one-2.npz"}
    pictures = {AttentionRecord.load(one).picture for one in (tmp_path / "out").iterdir()}
    assert len(pictures) == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("show one.npz none.npz", 1),
        ("extract one.png --model none", 2),
        ("extract --nothing", 2),
        ("visualize", 2),
        ("visualize ''", 2),
        ("read - --model scene-vit", 2),
        ("fetch --again", 2),
        ("models nothing", 2),
        ("read one.png --model scene-vit", 2),
    ],
)
def test_whoever_asks_for_json_gets_json(line: str, code: int, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    a_bundle(tmp_path / "one.npz")
    Image.new("RGB", (8, 8)).save("one.png")
    done = CliRunner().invoke(main, [*shlex.split(line), "--json"])
    assert done.exit_code == code
    said = json.loads(done.stdout)
    assert said["failed"] == 1 if code == 1 else said["error"] and said["exit_code"] == 2


def test_a_message_names_its_file_once(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    _, said = invoke("show", "none.npz")
    assert said.startswith("none.npz: want an existing file, got none of this name 1 of 1")


# Pages and weights


def test_pages_of_a_tiff_are_inputs_of_their_own(tmp_path: Path) -> None:
    sheets = [Image.new("RGB", (40, 30), (n, 0, 0)) for n in (10, 20, 30)]
    sheets[0].save(tmp_path / "scan.tif", save_all=True, append_images=sheets[1:])
    sheets[0].save(tmp_path / "single.tif")
    found = expand([str(tmp_path)], folders=True)
    assert [(one.name, one.page) for one in found] == [
        ("scan", 1),
        ("scan-page-2", 2),
        ("scan-page-3", 3),
        ("single", 0),
    ]
    assert len({Origin.of(one).content for one in found[:3]}) == 3


def test_fetch_tells_what_is_at_hand_and_what_cannot_be_had(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SIGHTLINES_CACHE", str(tmp_path))
    (tmp_path / "vit_b_16-c867db91.pth").write_bytes(b"damaged")
    code, said = invoke("fetch", "--where", "--json")
    where = {one["name"]: one["where"] for one in json.loads(said)["models"]}
    assert (code, where["vit-b-16"], where["vit-b-32"]) == (0, str(tmp_path / "vit_b_16-c867db91.pth"), None)
    assert where["scene-vit"].endswith("scene-vit.safetensors")
    code, said = invoke("fetch", "scene-vit", "aoanet", "no-such", "vit-b-16")
    assert code == 1
    for words in (
        "aoanet: has no published weights",
        "model: want one of",
        "vit_b_16-c867db91.pth is damaged",
        "--again",
    ):
        assert words in said
    assert (tmp_path / "vit_b_16-c867db91.pth").read_bytes() == b"damaged"
    assert fetching.registry.at_hand("vit-l-16") is None
    # A command that is right is not answered with how it is used.
    code, said = invoke("extract", "scene-7", "--model", "vit-b-16", "--output", tmp_path / "out")
    assert code == 1
    assert "vit_b_16-c867db91.pth is damaged" in said
    assert "Usage" not in said
