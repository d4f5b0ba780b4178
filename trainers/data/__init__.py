"""Aligned crops, drawn masks, augmentation and splits."""
