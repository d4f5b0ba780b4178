"""The command line of the trainers: ``facemask-train``."""

from trainers.cli.program import main

__all__ = ["main"]
