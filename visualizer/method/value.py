"""Value path: how similar patches are to a label if none looks at another in the layer."""

from visualizer.method.base import Method
from visualizer.method.labels import KNOBS, method_of

METHOD = Method(
    method_of("value", "each patch looking at itself alone in the layer"),
    meaning="How similar each patch is to a label if the weights of the chosen layer are the identity, so that each patch "
    "looks at itself alone.",
    source="Zhou et al. 2022 (MaskCLIP), arXiv:2112.01071, section 3.2",
    knobs=KNOBS,
    plain_run=True,
    title="label similarity, value path",
    asked_by="label",
    place=96,
)
