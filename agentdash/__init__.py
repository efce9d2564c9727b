"""Terminal dashboard for Coder workspace agents."""

__version__ = "0.1.0"
