"""Files to keep, with scale, legend and settings on them."""
