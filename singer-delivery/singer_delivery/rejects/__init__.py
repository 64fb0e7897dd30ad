"""Records that could not be delivered, with the reasons."""
