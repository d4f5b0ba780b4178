"""Discriminators, losses and one optimisation step of each method; nothing here does I/O."""
