"""How weights are refused."""


class CheckpointError(ValueError):
    """A weights file cannot be read or does not fit the model."""
