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


UNCOMPILED = """
import sys
import torch
import vit_attention as va
from vit_attention import compat
from worlds.naming import parse
with compat.uncompiled():
    model = va.load("receipt-donut")
record = model.attend(parse("receipt-3-3").draw().picture)
late = [name for name in ("torch._dynamo", "torch.distributed.tensor", "sympy") if name in sys.modules]
assert not late, late
assert torch.distributed.is_available()
called = []
compiled = torch.compile(lambda x: 2 * x + 1, backend=lambda graph, given: called.append(1) or graph.forward)
assert compiled(torch.ones(2)).tolist() == [3, 3] and called
"""

ASKED = """
import sys
from vit_attention import compat
with compat.uncompiled():
    import torch._dynamo
    reset = torch._dynamo.reset
    import torch._dynamo as real
    assert real.reset is reset and real.__file__
with compat.uncompiled():
    assert sys.modules["torch._dynamo"] is real
"""


@pytest.mark.parametrize("program", [UNCOMPILED, ASKED])
def test_the_compiler_is_imported_only_where_it_is_asked(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
