"""Twenty tasks of people who import the library, each in one or two lines of theirs, on tiny or bundled models."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import vit_attention as va
from visualizer import before_after, entropy, heads_on_mask, methods
from visualizer.export.files import layers_gif, layers_webp
from vit_attention import compat  # noqa: F401  (compat goes before torchvision and transformers)
from vit_attention.doctor import surroundings
from vit_attention.weights.download import cache_folder
from worlds.scenes import scene

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a photograph, some more of them and a mask in it."""
    monkeypatch.chdir(tmp_path)
    scene(7).picture.resize((300, 200)).save("cat.jpg")
    Path("photos").mkdir()
    for n in range(3):
        scene(n).picture.save(f"photos/{n}.png")
    Path("photos/damaged.jpg").write_bytes(b"\xff\xd8\xff damaged")
    Image.fromarray(np.uint8(255) * scene(7).mask).resize((300, 200)).save("mask.png")
    return tmp_path


@pytest.fixture
def record() -> Any:
    return va.load("scene-vit").attend("cat.jpg")


def tiny_folder(**saving: Any) -> str:
    """A fine-tuned ViT of two classes, saved by the transformers library."""
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        id2label={0: "cat", 1: "dog"},
        label2id={"cat": 0, "dog": 1},
    )
    kind = saving.pop("dtype", torch.float32)
    transformers.ViTForImageClassification(config).to(kind).save_pretrained("mine", **saving)
    transformers.ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained("mine")
    return "mine"


def test_01_one_head_as_an_array_of_the_pictures_own_size() -> None:
    record = va.load("scene-vit").attend("cat.jpg")
    heat = record.heatmap(layer=10, head=4, size="original")
    assert heat.shape == (200, 300)
    assert np.array_equal(np.unique(heat[~np.isnan(heat)]), np.unique(record.maps[10].weights[4, 0, 1:]))


def test_02_the_same_for_a_paper(record: Any) -> None:
    record.save_figure("map.pdf", layer=10, head=4, dpi=300, title=True)
    record.overlay(layer=10, head=4).save("map.png")
    record.save_figure("bare.png", layer=10, head=4, scale=False)
    assert Path("map.pdf").read_bytes()[:5] == b"%PDF-"
    assert Image.open("map.png").size == (300, 200)
    assert Image.open("bare.png").size == (975, 650)


@pytest.mark.filterwarnings("ignore:1 left out")
def test_03_mean_entropy_of_every_head_over_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    many = va.load("scene-vit").attend_many("photos", progress=True)
    table = many.table("entropy", by=["layer", "head"])
    table.to_csv("entropy.csv", index=False)
    pytest.importorskip("pyarrow")
    table.to_parquet("entropy.parquet")
    assert "4/4" in capsys.readouterr().err
    assert [name for name, _ in many.failed] == ["damaged.jpg"]
    by_hand = np.mean([entropy(va.load("scene-vit").attend(f"photos/{n}.png").maps[9].weights[3]) for n in range(3)])
    assert table.query("layer == 9 and head == 3").entropy.item() == pytest.approx(by_hand, abs=1e-5)


def test_04_a_batch_of_prepared_pixels() -> None:
    records = list(va.load("scene-vit").attend_many(torch.randn(8, 3, 112, 112)))
    assert len(records) == 8


def test_05_arrays_in_the_usual_layouts() -> None:
    picture = np.asarray(scene(7).picture, np.float32) / 255
    grey = picture.mean(axis=2)
    given = [picture, picture.transpose(2, 0, 1), grey, (grey * 65535).astype(np.uint16)]
    records = [va.load("scene-vit").attend(one) for one in given]
    assert np.allclose(records[0].prediction.scores, records[1].prediction.scores)
    assert np.allclose(records[2].prediction.scores, records[3].prediction.scores, atol=0.1)
    assert len(list(va.load("scene-vit").attend_many(np.stack([picture, picture])))) == 2


@pytest.mark.parametrize("saved", ["safetensors", "shards", "bin", "bfloat16"])
def test_06_my_fine_tuned_folder(saved: str) -> None:
    name = tiny_folder(**{"shards": {"max_shard_size": "20kB"}, "bfloat16": {"dtype": torch.bfloat16}}.get(saved, {}))
    if saved == "bin":
        from safetensors.torch import load_file

        torch.save(load_file(f"{name}/model.safetensors"), f"{name}/pytorch_model.bin")
        Path(f"{name}/model.safetensors").unlink()
    record = va.load(f"hf:{name}").attend("cat.jpg")
    assert record.prediction.top(1)[0][0] in ("cat", "dog")
    assert record.heatmap(method="rollout").shape == (4, 4)


@pytest.mark.slow
def test_07_a_checkpoint_at_384_pixels_with_a_head_of_mine() -> None:
    from torchvision.models import vit_b_32

    torch.save(vit_b_32(image_size=384, num_classes=7).state_dict(), "mine.pth")
    record = va.load("vit-b-32", weights="mine.pth").attend("cat.jpg")
    assert record.maps[0].key.grid == (12, 12)
    assert len(record.prediction.labels) == 7


def test_08_timm_by_name_and_an_encoder_that_i_built() -> None:
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    save_file(timm.create_model("test_vit").state_dict(), "mine.safetensors")
    assert va.load("timm:test_vit", weights="mine.safetensors").attend("cat.jpg").maps

    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 32, 16, 16)
            layer = nn.TransformerEncoderLayer(32, 4, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

        def forward(self, pixels: torch.Tensor) -> Any:
            return self.encoder(self.patches(pixels).flatten(2).mT)

    record = va.record_of(Mine().eval(), "cat.jpg", size=(64, 96))
    assert record.maps[1].key.grid == (4, 6)


def test_09_my_own_attention_with_a_proof() -> None:
    class Mine(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.attn = torch.full((len(x), 1, x.shape[1], x.shape[1]), 1 / x.shape[1])
            return x.mean(dim=1, keepdim=True).expand_as(x)

    va.register_kind(Mine, weights="attn", values=lambda module, output, inputs: inputs["x"])
    with va.capture(module := Mine()) as seen:
        module(torch.randn(1, 6, 8))
    assert seen[0].weights.shape == (1, 1, 6, 6)
    assert seen[0].residual is not None
    assert seen[0].residual < 1e-5


def test_10_which_head_looks_at_a_mask_in_a_file() -> None:
    record = va.load("scene-vit").attend("cat.jpg")
    best = heads_on_mask(record, "mask.png").best(1)[0]
    assert best.times > 10
    seen = Image.open("mask.png").crop((50, 0, 250, 200))  # the model sees the middle square
    shares = np.asarray(seen.resize((14, 14), Image.Resampling.BOX)) / 255
    heat = record.heatmap(layer=best.layer, head=best.head)
    assert best.weight == pytest.approx(float((heat * shares).sum() / heat.sum()), abs=0.02)


def test_11_two_models_on_one_scale_side_by_side() -> None:
    one, other = (va.load(name).attend("cat.jpg") for name in ("scene-vit", f"hf:{tiny_folder()}"))
    fig = before_after(one.image, one.heatmap(), other.heatmap(), ("scene-vit", "mine"), one.geometry, difference=False)
    assert fig.data[0].zmax == fig.data[1].zmax


def test_12_one_patch_a_box_of_them_and_all_on_average(record: Any) -> None:
    one = record.heatmap(query=(6, 8))
    box = record.heatmap(query=[(row, column) for row in range(2, 5) for column in range(3, 6)])
    every = record.heatmap(query="mean")
    rows = record.maps[-1].weights.mean(axis=0)[:, 1:].reshape(197, 14, 14)
    inside = [1 + 14 * row + column for row in range(2, 5) for column in range(3, 6)]
    assert np.allclose(one, rows[1 + 6 * 14 + 8])
    assert np.allclose(box, rows[inside].mean(axis=0), atol=1e-6)
    assert np.allclose(every, rows.mean(axis=0), atol=1e-6)


def test_13_what_was_looked_at_for_a_word_and_for_a_field() -> None:
    record = va.load("receipt-donut").attend("receipt-3-3")
    assert record.show(layer=3, query=2).data
    field = record.heatmap(layer=3, query="field:total")
    assert field.shape == record.maps[-1].key.grid


def test_14_saved_and_opened_without_torch_and_without_python(record: Any) -> None:
    record.save("cat.npz")
    record.table("raw", by=["layer"]).to_json("cat.json", orient="records")
    program = """
        import sys; sys.modules["torch"] = None
        import vit_attention as va
        record = va.AttentionRecord.load("cat.npz")
        print(record.heatmap(layer=3, size="original").shape, record, len(record._repr_html_()) > 1000)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.startswith("(200, 300) <AttentionRecord: scene-vit")
    assert json.loads(Path("cat.json").read_text())[0].keys() == {"layer", "row", "column", "raw"}


def test_15_my_own_method(record: Any) -> None:
    """In the library; a file in `visualizer/method/` brings it to command line and menus, as tests/test_adding.py shows."""
    from visualizer.method import Method
    from visualizer.method.base import SHARE, answer
    from visualizer.method.question import askers

    def strongest(record: Any, question: Any, knobs: Any) -> Any:
        one = record.maps[-1]
        row = np.max([layer[:, 0].max(axis=0) for layer in record.layers], axis=0)
        return answer(record, one, askers(one.query, ()), row, "largest of all layers", SHARE, one.layer)

    mine = Method(strongest, meaning="The largest weight of any layer.", name="strongest", layers="through")
    found = record.heatmap(method=mine)
    assert np.allclose(found.ravel(), np.max([one.weights[:, 0, 1:].max(axis=0) for one in record.maps], axis=0))
    assert record.show(method=mine).data
    assert record.table(mine).shape == (196, 4)


def test_16_a_gif_and_a_film_of_all_layers(record: Any) -> None:
    for method in ("raw", "rollout"):
        maps = [record.heatmap(layer=n, method=method) for n in range(12)]
        Path(f"{method}.gif").write_bytes(layers_gif(record.image, maps, record.geometry))
        Path(f"{method}.webp").write_bytes(layers_webp(record.image, maps, record.geometry))
        assert Image.open(f"{method}.gif").n_frames == 12
        assert Image.open(f"{method}.webp").n_frames == 12


def test_17_devices_half_precision_and_memory_beforehand() -> None:
    model = va.load("scene-vit").to("cpu")
    assert model.attend("cat.jpg", half=True).maps[0].weights.dtype == np.float16
    assert model.estimate() == pytest.approx(12 * 12 * 197 * 197 * 4, rel=1e-3)  # the maps, and some KB beside them
    assert model.estimate(size=(1024, 1024), half=True) == pytest.approx(12 * 12 * (128 * 128 + 1) ** 2 * 2, rel=1e-3)


def test_18_without_a_network_what_is_at_hand() -> None:
    at_hand = [card.name for card in va.models() if card.bundled]
    assert "scene-vit" in at_hand
    about = surroundings()  # what `vit-attention doctor` prints
    assert about["bundled"]
    assert Path(about["cache"]) == cache_folder()


def test_19_a_notebook_shows_the_record_layer_by_layer(record: Any) -> None:
    page = record._repr_html_()
    fig = record.show(step="both")
    assert page.count("<img") == 2
    assert [one.name for one in fig.frames] == [str(n) for n in range(144)]


def test_20_why_this_class_and_not_that_one() -> None:
    model = va.load("scene-vit")
    this, that = (model.attend("scene-7", target=name, keep=methods()["relevance"].needs) for name in ("ring", 2))
    maps = [one.heatmap(method="relevance") for one in (this, that)]
    fig = before_after(this.image, *maps, ("ring", "other"), this.geometry)
    assert fig.data[0].zmax == fig.data[1].zmax
    with pytest.raises(ValueError, match="target"):
        model.attend("scene-7", target="unicorn")


def test_20_a_name_that_two_classes_carry() -> None:
    model = va.load("scene-vit")
    model.classes = ("crane", *model.classes[1:-1], "crane")
    with pytest.raises(ValueError, match=f"0.*{len(model.classes) - 1}"):
        model.attend("scene-7", target="crane")
