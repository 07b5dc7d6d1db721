"""Sub-words gathered to words and words to fields: where on the page each value of the JSON was read."""

from ui.frame import routing

routing.show("ui.read.fields")
