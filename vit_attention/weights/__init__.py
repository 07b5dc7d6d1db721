"""Weights from files and from the network, read without running anything in them."""
