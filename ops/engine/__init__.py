"""A stack file, where its state is, and the engine that is called with both."""
