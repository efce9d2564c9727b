"""Foreign bytes become harmless text: here and nowhere else."""
