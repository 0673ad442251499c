"""The HTTP endpoints, one module for each part of the API."""
