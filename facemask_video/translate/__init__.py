"""Generators, their weights files, and the translator that runs them in batches."""
