"""What a run tells its operator: progress, summary, dry run."""
