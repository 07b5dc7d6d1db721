"""The least that a page with one live map can cost: a photograph, one 14 x 14 heatmap over it, one slider; for `benchmarks.speed`."""

import gc

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from visualizer.figures.canvas import data_uri
from vit_attention.inputs.pictures import open_picture


@st.cache_resource
def photograph() -> str:
    """A JPEG as a data address; afterwards the collector looks at nothing that is here already."""
    made = data_uri(open_picture("coffee").image)
    gc.collect()
    gc.freeze()
    return made


@st.cache_resource
def maps() -> np.ndarray:
    """(12, 14, 14) numbers."""
    return np.random.default_rng(0).random((12, 14, 14)).astype(np.float32)


layer = st.slider("Layer", 1, 12, 10, key="layer")
figure = go.Figure(go.Heatmap(z=maps()[layer - 1], opacity=0.5, colorscale="Cividis"))
figure.update_layout(
    title=f"Layer {layer}",
    height=440,
    images=[
        {
            "source": photograph(),
            "xref": "x",
            "yref": "y",
            "x": -0.5,
            "y": -0.5,
            "sizex": 14,
            "sizey": 14,
            "sizing": "stretch",
            "layer": "below",
        }
    ],
    yaxis={"autorange": "reversed", "scaleanchor": "x"},
)
st.title("Floor")
st.plotly_chart(figure, key="map", config={"displayModeBar": False})
