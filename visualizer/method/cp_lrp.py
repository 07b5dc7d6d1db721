"""CP-LRP: as AttnLRP, with the weights of attention held constant."""

from dataclasses import replace
from functools import partial

from visualizer.method.attnlrp import METHOD as ATTNLRP
from visualizer.method.attnlrp import relevance

METHOD = replace(
    ATTNLRP,
    function=partial(relevance, name="CP-LRP"),
    meaning="As AttnLRP, but the weights of attention are constants: no relevance goes to queries and keys.",
    source="Ali et al. 2022, arXiv:2202.07304, section 3",
    title="CP-LRP",
    place=65,
)
