"""Backups of a release's database: taken, checked, restored."""
