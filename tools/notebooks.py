"""Runs the notebooks of `tutorials/notebooks` without a kernel and stores what each cell gives: `python -m tools.notebooks`."""

import ast
import base64
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "tutorials" / "notebooks"


def main() -> None:
    """Every notebook, run from its first cell and written back with its outputs."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        book = json.loads(path.read_text("utf-8"))
        run(book)
        path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def run(book: dict[str, Any]) -> None:
    """Run the cells of a notebook in order, in a folder of their own, and put their outputs into it."""
    from vit_attention import compat  # noqa: F401  # a torch without torchvision's operators breaks a cell that imports transformers

    names: dict[str, Any] = {"__name__": "__main__"}
    with _elsewhere():
        for number, cell in enumerate((one for one in book["cells"] if one["cell_type"] == "code"), start=1):
            cell["execution_count"] = number
            cell["outputs"] = _outputs("".join(cell["source"]), names, number)


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            yield
        finally:
            os.chdir(before)


def _outputs(code: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """What a cell prints, and the value of its last line where that is an expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    said, value = io.StringIO(), None
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):  # of progress bars
        exec(compile(tree, f"cell {number}", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    out: list[dict[str, Any]] = []
    if said.getvalue():
        out.append({"output_type": "stream", "name": "stdout", "text": said.getvalue().splitlines(keepends=True)})
    if value is not None:
        out.append({"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": _shown(value)})
    return out


def _shown(value: Any) -> dict[str, Any]:
    """A picture as PNG, everything else as it is written."""
    if not hasattr(value, "save"):
        return {"text/plain": repr(value).splitlines(keepends=True)}
    png = io.BytesIO()
    value.save(png, "PNG", optimize=True)
    size = f"<picture of {value.width} x {value.height} pixels>"
    return {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": [size]}


if __name__ == "__main__":
    main()
