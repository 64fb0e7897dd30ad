"""Singer lines in, and a record on its way through its stream's maps."""
