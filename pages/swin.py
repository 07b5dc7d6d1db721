"""Inside the encoder: windows and shifted windows on the page, and what one cell reads in them."""

from ui.frame import routing

routing.show("ui.read.swin_view")
