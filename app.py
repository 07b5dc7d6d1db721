"""Sightlines, the app. Run with `streamlit run app.py`."""

from ui.frame import shell

shell.run()
