"""Files that a folder or a glob stands for, sorted."""

import glob
import os

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""File names that count as pictures when a folder is read."""


def within(folder: str) -> list[str]:
    """The pictures in a folder, without those of folders inside."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    paths = [os.path.join(folder, name) for name in names if name.lower().endswith(SUFFIXES)]
    return [path for path in paths if os.path.isfile(path)]


def matching(pattern: str) -> list[str]:
    """What a glob finds; ``**`` stands for any number of folders."""
    return sorted(glob.glob(pattern, recursive=True))
