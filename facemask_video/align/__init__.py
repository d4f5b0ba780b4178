"""Aligned face crops: five landmarks, one template, one similarity."""
