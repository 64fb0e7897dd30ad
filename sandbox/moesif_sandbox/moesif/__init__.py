"""Moesif: an account's documents, the management API that reads them and the collector."""
