"""Reports of a run: progress, summary, outcomes, history, metrics, dry run."""
