from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# `load_library` decides which case it is; the other half of each program is what a reader's machine would do.
PROGRAMS = {
    "operators load": """
import torch
torch.ops.load_library = lambda path: None
from vit_attention import compat
assert compat.declared is None
""",
    "operators missing": """
import torch
def refuse(path):
    raise OSError('built for another torch')
torch.ops.load_library = refuse
from vit_attention import compat
assert [str(getattr(torch.ops.torchvision, name).default._schema) for name in ("nms", "qnms")] == [
    f"torchvision::{schema}" for schema in compat.SCHEMAS
]
import torchvision
from torchvision.models import vit_b_16
from torchvision.transforms.functional import resize
""",
    "here": """
from vit_attention import compat
import torchvision, transformers
assert not compat.operators_missing()
""",
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_torchvision_imports_either_way(case: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAMS[case]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_importing_the_package_loads_no_torch() -> None:
    program = "import sys, vit_attention as va; va.models(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
