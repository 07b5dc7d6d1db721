"""`--together`: principal components fitted on all pictures before the first of them is drawn."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from visualizer.measures.components import Components, principal_components
from visualizer.method.components import features_of, filled
from vit_attention.cli.drawings import Drawing, View
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.inputs import Given
from vit_attention.cli.report import Report
from vit_attention.records import AttentionRecord

METHOD = "components"


@dataclass(frozen=True, eq=False)
class Shared:
    """Components of each layer, and how many pictures they were fitted on."""

    layers: Mapping[int, Components]
    count: int

    def drawn(self, record: AttentionRecord, found: Sequence[Drawing], view: View) -> list[Drawing]:
        """The drawings with these components instead of those of their own picture."""
        chosen = view.given["component"]
        maps = (
            filled(one.map, features_of(record, one.map), self.layers[one.number], chosen, self.count) for one in found
        )
        return [replace(one, map=drawn) for one, drawn in zip(found, maps, strict=True)]


def fit(
    items: Sequence[Given],
    drawn: Callable[[Given], tuple[AttentionRecord, Any, list[Drawing]]],
    view: View,
    report: Report,
) -> tuple[list[Given], Shared]:
    """The inputs that could be read, and what was fitted on them; of each only the features of its patches are kept.

    Raises:
        ChoiceError: a method that is fitted on nothing.
        ValueError: features of different widths.
    """
    if view.method != METHOD:
        raise ChoiceError(f"--together: want --method {METHOD}, got --method {view.method}")
    there, features = [], defaultdict[int, list[Any]](list)
    for item in report.through(items, "Fitting"):
        with report.attempt(item.said, alone=item.suffix == ".npz"):
            record, _, found = drawn(item)
            for one in found:
                features[one.number].append(features_of(record, one.map))
            there.append(item)
    return there, Shared({number: principal_components(some) for number, some in features.items()}, len(there))
