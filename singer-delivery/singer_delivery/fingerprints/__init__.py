"""What was last sent for each user and company (`changed_only`), and their ids (`on_removed`)."""
