"""Model to words, columns and tones; no widgets."""
