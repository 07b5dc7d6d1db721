"""How a backbone comes out of an ONNX graph, and how its matrices are rounded."""

import subprocess

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training import photo_dino
from training.onnx_dino import backbone
from training.rounding import inputs_of, packed, rounded
from vit_attention.weights.eight_bits import unpacked

RANDOM = np.random.default_rng(0)
MATRIX = RANDOM.normal(size=(3, 5)).astype(np.float32)
TABLES = [RANDOM.normal(size=(1, places, 3)).astype(np.float32) for places in (1, 4)]
BIAS = RANDOM.normal(size=5).astype(np.float32)


def graph(tmp_path, tables=(0, 1)):
    """A linear layer as it is exported: an unnamed, transposed matrix, and a bias that has kept its name."""
    stored = {"backbone.layer.fc1.bias": BIAS, "onnx::MatMul_7": MATRIX, "decoder.weight": TABLES[0]}
    stored |= {f"onnx::Reshape_{n}": TABLES[n] for n in tables}
    nodes = [
        helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["product"]),
        helper.make_node("Add", ["backbone.layer.fc1.bias", "product"], ["y"]),
        helper.make_node("Add", ["y", "y"], ["z"]),
    ]
    x, z = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xz")
    whole = helper.make_graph(
        nodes, "g", [x], [z], [numpy_helper.from_array(one, name) for name, one in stored.items()]
    )
    onnx.save(helper.make_model(whole), tmp_path / "one.onnx")
    return tmp_path / "one.onnx"


def test_matrices_get_the_names_of_their_biases_and_stand_upright(tmp_path):
    found = backbone(graph(tmp_path, (1, 0)))
    assert found.keys() == {"layer.fc1.bias", "layer.fc1.weight", "embeddings.position_embeddings"}
    assert np.array_equal(found["layer.fc1.weight"], MATRIX.T)
    assert np.array_equal(found["layer.fc1.bias"], BIAS)
    assert np.array_equal(found["embeddings.position_embeddings"], np.concatenate(TABLES, axis=1))


def test_a_graph_without_its_position_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one.onnx: want two constants for the position table, got 1"):
        backbone(graph(tmp_path, (1,)))


def test_inputs_are_the_mean_products_of_what_passes_through():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 2, stride=2), nn.Flatten(2), nn.Linear(4, 2))
    picture = torch.randn(1, 2, 4, 4)
    found = inputs_of(net, lambda: net(picture))
    patches = [picture[0, :, i : i + 2, j : j + 2].flatten() for i in (0, 2) for j in (0, 2)]
    assert torch.allclose(found["0.weight"], sum(torch.outer(p, p) for p in patches).double() / 4, atol=1e-6)
    rows = net[0](picture).flatten(2)[0]
    assert torch.allclose(found["2.weight"], sum(torch.outer(r, r) for r in rows).double() / 3, atol=1e-6)


def test_inputs_that_have_nothing_in_common_leave_plain_rounding():
    torch.manual_seed(1)
    matrix = torch.randn(4, 6)
    numbers, scale = rounded(matrix, torch.eye(6, dtype=torch.float64))
    step = (matrix.abs().amax(1) / 127).half().float()
    assert torch.equal(scale.float(), step)
    assert torch.equal(numbers, (matrix.double() / step.double()[:, None]).round().to(torch.int8))


def test_what_a_matrix_computes_is_kept_better_than_by_plain_rounding():
    torch.manual_seed(2)
    matrix, inputs = torch.randn(32, 48), torch.randn(500, 6).double() @ torch.randn(6, 48).double()
    numbers, scale = rounded(matrix, inputs.T @ inputs / len(inputs))
    plain = (matrix / scale.float()[:, None]).round() * scale.float()[:, None]

    def error(other):
        return float((inputs @ (matrix.double() - other.double()).T).pow(2).mean())

    assert error(numbers * scale.float()[:, None]) < 0.5 * error(plain)


def test_large_matrices_are_packed_and_come_out_of_the_file_as_they_went_in():
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(100, 60), nn.Linear(60, 2))
    found = packed(net.state_dict().items(), inputs_of(net, lambda: net(torch.randn(300, 100))))
    assert {name: one.dtype for name, one in found.items()} == {
        "0.weight": torch.int8,
        "0.weight.scale": torch.float16,
        "0.bias": torch.float16,
        "1.weight": torch.float16,
        "1.bias": torch.float16,
    }
    assert torch.allclose(unpacked(found, "file")["0.weight"], net[0].weight, atol=0.002)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_published_graph_at_full_precision_gives_the_rows_of_its_own_runtime(tmp_path):
    try:
        path = photo_dino.graph(tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip("the package installer has no way to the published package")
    full = photo_dino.full_precision(path, tmp_path / "full")
    with np.load("tests/data/photo_dino.npz") as rows:
        for name in rows.files:
            mine = photo_dino.class_rows(full, photo_dino.photographs()[name])
            assert np.abs(mine - rows[name] / photo_dino.UNIT).max() < 1e-4
