"""Where a captioning network looked for every word it said, and how far its gates were open."""

from ui.frame import routing

routing.show("ui.read.captions_view")
