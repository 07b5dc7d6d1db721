"""`python -m benchmarks.first_record`: what the first page shows before torch is there, in 8 bits a weight."""

from __future__ import annotations

import vit_attention as va
from tutorials import first_record


def main() -> None:
    first_record.save(va.load(first_record.MODEL).attend(first_record.PICTURE), first_record.FILE)
    print(first_record.FILE.name, first_record.FILE.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
