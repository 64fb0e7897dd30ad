"""Files of a run that go to a bucket: written on this machine first, and uploaded before STATE."""
