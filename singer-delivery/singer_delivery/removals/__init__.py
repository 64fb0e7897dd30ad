"""Users and companies that were removed from the source, for `on_removed`."""
