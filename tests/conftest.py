"""Shared by every suite: the project's folder, and cheap garbage collection."""

import gc
from pathlib import Path

import pytest


def pytest_collection_finish() -> None:
    """Imported objects stay: the garbage collector need not scan them repeatedly."""
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parent.parent
