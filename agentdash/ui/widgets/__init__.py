"""Widgets that know nothing of Coder."""
