"""Which libraries made a record."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version


@cache
def _version(name: str) -> str:
    # Reading it takes the metadata of a large package milliseconds, which every record would pay.
    return version(name)


def versions(*names: str) -> dict[str, str]:
    """Name to installed version of these distributions.

    Raises:
        importlib.metadata.PackageNotFoundError: one is not installed.

    >>> list(versions("numpy"))
    ['numpy']
    """
    return {name: _version(name) for name in names}
