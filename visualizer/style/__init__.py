"""Colours, sizes and scales of every figure."""
