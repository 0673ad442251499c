"""`make check`, `make test` and `make test-reliability`, and what they need."""
