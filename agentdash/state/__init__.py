"""What is known: frozen, with one writer."""
