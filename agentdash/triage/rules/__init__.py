"""One module for each group of the catalogue."""
