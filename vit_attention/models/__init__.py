"""The loaded models, one class for each kind, and what their cards say."""
