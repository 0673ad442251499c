"""TaskFlow's backend: tasks of signed-in users, and an assistant that works on them."""

__version__ = "1.1.0"
