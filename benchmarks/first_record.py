"""`python -m benchmarks.first_record`: what the first page shows before torch is there, in 8 bits a weight."""

from __future__ import annotations

import vit_attention as va
from ui.explore import first
from ui.store import pictures


def main() -> None:
    picture = pictures.get(first.PICTURE).image
    first.save(va.load(first.MODEL).attend(picture), first.FILE)
    print(first.FILE.name, first.FILE.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
