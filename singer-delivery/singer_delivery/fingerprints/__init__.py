"""What was sent of each user and company, for `changed_only`; who is known, for `on_removed`."""
