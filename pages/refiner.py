"""What the regions of a picture read from one another before a captioning network says a word."""

from ui.frame import routing

routing.show("ui.read.refiner")
