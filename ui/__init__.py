"""The only package beside app and pages that imports streamlit."""
