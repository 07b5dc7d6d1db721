"""From numbers to Plotly figures and pictures."""
