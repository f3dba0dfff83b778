"""What a run does unless it is told otherwise."""

DEFAULT_BATCH_SIZE = 32
"""Images per call of the encoder."""
