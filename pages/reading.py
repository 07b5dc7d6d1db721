"""What the decoder of a document reader looked at to write each token, on the page itself."""

from ui.frame import routing

routing.show("ui.read.reading_view")
