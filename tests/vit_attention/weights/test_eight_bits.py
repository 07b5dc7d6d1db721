"""Matrices of 8-bit numbers with a scale a row, as they come out of a file."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vit_attention.weights import checkpoints, eight_bits
from vit_attention.weights.checkpoints import CheckpointError

NUMBERS = torch.tensor([[127, -64, 0], [1, 2, -127]], dtype=torch.int8)


def test_matrices_are_scaled_row_by_row_and_all_else_stays(tmp_path):
    whole = torch.arange(3, dtype=torch.int64)
    kept = {"a.weight": NUMBERS, "a.weight.scale": torch.tensor([0.5, 0.25]).half(), "a.bias": torch.ones(2).half()}
    save_file({**kept, "numbers": whole, "lone": NUMBERS.clone()}, tmp_path / "one.safetensors")
    found = checkpoints.read(tmp_path / "one.safetensors")
    assert found.keys() == {"a.weight", "a.bias", "numbers", "lone"}
    assert found["a.weight"].tolist() == [[63.5, -32.0, 0.0], [0.25, 0.5, -31.75]]
    assert torch.equal(found["a.bias"], kept["a.bias"])
    assert torch.equal(found["numbers"], whole)
    assert torch.equal(found["lone"], NUMBERS)


def test_filters_of_four_axes_have_one_scale_for_each_output(tmp_path):
    numbers = torch.full((2, 1, 2, 2), 2, dtype=torch.int8)
    save_file({"f": numbers, "f.scale": torch.tensor([1.0, 3.0])}, tmp_path / "one.safetensors")
    assert checkpoints.read(tmp_path / "one.safetensors")["f"].flatten(1).tolist() == [[2.0] * 4, [6.0] * 4]


@pytest.mark.parametrize(
    "scale", [torch.ones(3), torch.ones(2, 1), torch.ones(2, dtype=torch.int64), torch.ones(()), torch.ones(1)]
)
def test_scales_that_do_not_fit_are_refused(tmp_path, scale):
    save_file({"a.weight": NUMBERS, "a.weight.scale": scale}, tmp_path / "one.safetensors")
    with pytest.raises(CheckpointError, match=r"one.safetensors: want a.weight.scale with one floating-point number"):
        checkpoints.read(tmp_path / "one.safetensors")


def test_layers_that_stay_in_eight_bits_compute_the_same_in_a_quarter_of_the_memory():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), nn.ModuleDict({"deep": nn.Linear(6, 4)}), nn.Linear(4, 2))
    numbers = torch.randint(-127, 128, (4, 6), dtype=torch.int8)
    file = {"0.weight": numbers, "0.weight.scale": torch.rand(4).half(), "2.weight": torch.ones(2, 4)}
    file |= {"1.deep.weight": numbers.clone(), "1.deep.weight.scale": torch.rand(4)}
    unpacked = eight_bits.unpacked(file, "file")
    with torch.no_grad():
        net[0].weight.copy_(unpacked["0.weight"])
        net[1]["deep"].weight.copy_(unpacked["1.deep.weight"])
    x = torch.randn(5, 6)
    before, deep = net[2](net[0](x)), net[1]["deep"](x)
    eight_bits.pack(net, file)
    assert [name for name, one in net.named_modules() if isinstance(one, eight_bits.Packed)] == ["0", "1.deep"]
    assert torch.equal(net[2](net[0](x)), before)
    assert torch.equal(net[1]["deep"](x), deep)
    assert {name for name, _ in net.named_parameters()} == {"0.bias", "1.deep.bias", "2.weight", "2.bias"}


def test_a_file_read_to_stay_so_fills_a_network_without_its_matrices_in_between(tmp_path):
    save_file({"0.weight": NUMBERS, "0.weight.scale": torch.tensor([0.5, 0.25])}, tmp_path / "one.safetensors")
    with eight_bits.staying() as kept:
        found = checkpoints.read(tmp_path / "one.safetensors")["0.weight"]
    assert found.shape == (2, 3)
    assert found.untyped_storage().nbytes() <= 4
    net = nn.Sequential(nn.Linear(3, 2, bias=False))
    net[0].weight = nn.Parameter(found, requires_grad=False)
    assert eight_bits.pack(net, kept)
    assert net(torch.eye(3)).T.tolist() == [[63.5, -32.0, 0.0], [0.25, 0.5, -31.75]]
    table = nn.ModuleDict({"0": nn.Embedding(2, 3)})  # which looks its rows up in the matrix itself
    table["0"].weight = nn.Parameter(found, requires_grad=False)
    assert not eight_bits.pack(table, kept)
    assert checkpoints.read(tmp_path / "one.safetensors")["0.weight"][0].tolist() == [63.5, -32.0, 0.0]
