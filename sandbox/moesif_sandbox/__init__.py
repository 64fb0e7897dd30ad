"""A local imitation of Moesif's APIs and Segment's tracking API, with data in memory."""
