"""Batches, lanes, HTTP requests and their retries."""
