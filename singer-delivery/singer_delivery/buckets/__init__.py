"""Files in buckets: written on this machine first, and uploaded before STATE is written."""
