"""Every method on one picture: which maps agree, which notice what the network loses, and which notice the class."""

from ui.frame import routing

routing.show("ui.judge.sanity")
