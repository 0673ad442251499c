"""A stack file: read with the engine's rules, checked against the models."""
