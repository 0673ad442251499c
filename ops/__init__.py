"""What `make` runs: from a bare machine to the running application, and the tests that prove it."""
