"""The doctor: everything is well here, and what is not well is found and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from tests.vit_attention.capture import families
from vit_attention import doctor
from vit_attention.cli.app import main
from vit_attention.doctor import Check, examine


def test_every_way_of_attending_is_well_here() -> None:
    found = list(examine())
    assert [one.name for one in found if one.state == "failed"] == []
    assert len(found) == len(doctor.CHECKS)
    for one in found:
        if one.state == "ok":
            assert one.maps > 0
            assert one.row_error < 1e-5
            assert one.residual < 1e-5
            assert one.change > 1e-6


class Deaf(nn.Module):
    """Attends, and throws away what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * self.attention(x, x, x, need_weights=False)[0]


class Silent(nn.Module):
    """Does not attend."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def tokens() -> tuple[Tensor, ...]:
    return (torch.randn(1, 5, 8),)


@pytest.mark.parametrize(
    ("check", "state", "reason"),
    [
        (Check("deaf", Deaf, tokens, ((2, 5, 5),)), "failed", "does not depend on the weights"),
        (Check("silent", Silent, tokens, ((2, 5, 5),)), "failed", "no attention was heard in Silent"),
        (Check("shape", Deaf, tokens, ((4, 5, 5),)), "failed", "want maps of"),
        (Check("absent", Deaf, tokens, (), "no-such-library"), "skipped", "no-such-library is not installed"),
    ],
)
def test_what_is_not_well_is_named(check: Check, state: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (check,))
    (found,) = examine()
    assert (found.name, found.state) == (check.name, state)
    assert reason in found.reason
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == (1 if state == "failed" else 0)
    assert reason in done.output


def test_a_model_of_ones_own_is_examined_too(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    families.build(families.TRANSFORMERS["ViT"]).save_pretrained(folder)
    done = CliRunner().invoke(main, ["doctor", "--model", f"hf:{folder}", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (
        said["versions"]["torch"] == torch.__version__.split("+")[0] or said["versions"]["torch"] == torch.__version__
    )
    assert said["bundled"][0] == "scene-vit"
    mine = said["findings"][-1]
    assert (mine["name"], mine["state"], mine["maps"], mine["shapes"]) == (f"hf:{folder}", "ok", 2, [[4, 17, 17]])


def test_a_model_that_is_not_there_is_a_message() -> None:
    done = CliRunner().invoke(main, ["doctor", "--model", "no-such-model"])
    assert done.exit_code == 2
    assert "want one of scene-vit" in done.output
