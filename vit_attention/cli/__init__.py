"""The command line, the top of the library: `python -m vit_attention`, installed as `vit-attention`.

Unlike the rest of `vit_attention` it draws, so that it alone may import `visualizer` and `worlds`. Starting it and asking
for help imports neither torch nor Plotly.
"""
