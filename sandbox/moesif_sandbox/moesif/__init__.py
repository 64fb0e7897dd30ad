"""Moesif: an account's documents, the Management API and the collector."""
