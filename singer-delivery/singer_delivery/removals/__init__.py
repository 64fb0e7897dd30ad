"""Which users and companies are gone from the source, for `on_removed`."""
