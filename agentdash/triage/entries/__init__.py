"""What the catalogue says of each rule, one module a group."""
