"""Value-value attention: how similar patches are to a label along a path of patches with similar values."""

from visualizer.method.base import Knob, Method
from visualizer.method.labels import KNOBS, method_of

DEPTH = Knob("depth", 6, "Layers of the second path", "How many layers before the end the second path begins.", low=1)

METHOD = Method(
    method_of("value-value", "along a second path on which values are queries and keys"),
    meaning="How similar each patch is to a label at the end of a second path, on which patches look at patches with similar "
    "values and which has no MLP.",
    source="Li et al. 2023 (CLIP Surgery), arXiv:2304.05653, sections 3.2 and 3.3",
    knobs=KNOBS,
    run=(DEPTH,),
    title="label similarity, value-value",
    asked_by="label",
    place=97,
)
