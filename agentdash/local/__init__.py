"""A small Coder of our own: this machine as a live agent plus a scripted fleet."""
