"""`make bench`: how fast the project is, measured in one run on one machine, and written to docs/performance.md."""
