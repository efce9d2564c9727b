"""Flight recorder and replay."""
