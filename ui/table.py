"""The table of pages: one row a page."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# (section, file name, title); the address equals the file name, or the first deep link of a cold server would show a
# "Page not found" dialog. No icons: a Material icon makes the browser fetch a favicon from outside.
TABLE = (
    ("", "start", "Start here"),
    ("Learn", "patches", "Patches and tokens"),
    ("Learn", "query", "One query"),
    ("Learn", "heads", "Heads"),
    ("Learn", "layers", "Layers"),
    ("Learn", "rollout", "Rollout"),
    ("Learn", "entropy", "Entropy"),
    ("Read", "reading", "Reading with cross-attention"),
    ("Read", "fields", "From token to field"),
    ("Read", "swin", "Inside Swin"),
    ("Read", "captions", "One word, one look"),
    ("Explore", "playground", "Playground"),
    ("Explore", "compare", "Compare"),
)


def script(name: str) -> Path:
    """The page's file, absolute: a relative one breaks when a page runs alone."""
    return ROOT / "pages" / f"{name}.py"


def section(address: str) -> str:
    """The section of the page at this address; "" for the first page."""
    return next((group for group, name, _ in TABLE if name == address), "")
