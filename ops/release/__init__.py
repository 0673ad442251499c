"""What is deployed: how it is, what it says, what was there before, and back to that."""
