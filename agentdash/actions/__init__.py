"""What a user can do: one registry, one guard."""
