"""Which heads prefer objects, outlines or textures, beside chance and an untrained network.

``python -m benchmarks.head_kinds [MODEL ...]`` writes tutorials/findings/head_kinds.json, which the lesson shows, and prints
Markdown for docs/measured.md. Without names it measures the bundled `scene-vit` and `photo-dino`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import vit_attention as va
from benchmarks.photographs import untrained
from tutorials.findings import kinds_measured
from tutorials.findings.head_kinds import times
from tutorials.findings.kinds_measured import EDGE, FOREGROUND, PHOTOGRAPHS, TEXTURE, HeadKinds, measured

FILE = Path(kinds_measured.__file__).with_name("head_kinds.json")
DEFAULT = {
    "scene-vit": ((FOREGROUND, ""), (EDGE, ""), (TEXTURE, "")),
    "photo-dino": ((FOREGROUND, ""), (FOREGROUND, PHOTOGRAPHS), (EDGE, ""), (TEXTURE, "")),
}


def kinds(name: str) -> list[HeadKinds]:
    """Everything that is measured of one model, by kind, what is looked at, and who asks."""
    asked = DEFAULT.get(name, DEFAULT["photo-dino"])
    model = va.load(name)
    found = [measured(model, kind, things) for kind, things in asked]
    model = untrained(va.load(name))
    before = [measured(model, kind, things) for kind, things in asked]
    return [
        replace(one, untrained=float(control[asks].values.max()))
        for both, control in zip(found, before, strict=True)
        for asks, one in both.items()
    ]


def table(name: str, found: list[HeadKinds]) -> str:
    """Markdown: one line for each kind and asker."""
    lines = [
        f"### `{name}`",
        "",
        "| heads that prefer | asked by | pictures | best head | times | chance, best of all | untrained, best | heads |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for one in found:
        (layer, head), value = one.best, float(one.values[one.best])
        lines.append(
            f"| {one.kind} | {one.asks} | {one.count} {one.things} | layer {layer + 1}, head {head + 1}: {value:.3f} | "
            f"{times(value).removesuffix(' times')} | {one.level:.3f} | {one.untrained:.3f} | "
            f"{int(one.passed.sum())} of {one.values.size} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", default=list(DEFAULT))
    stored: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in parser.parse_args().models:
        found = kinds(name)
        stored[name] = {"weights": va.load(name).weights_hash, "kinds": [one.plain() for one in found]}
        FILE.write_text(json.dumps(stored, separators=(",", ":")).replace("]],", "]],\n") + "\n")
        print(table(name, found) + "\n", flush=True)


if __name__ == "__main__":
    main()
