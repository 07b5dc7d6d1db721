"""The wing of experiments that judge maps, a file or a few for each page."""
