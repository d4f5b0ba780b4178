"""The pipeline: stages, and the one place that puts them together."""
