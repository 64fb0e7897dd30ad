"""Moesif's management API and Segment's tracking API in one local process, data in memory."""
