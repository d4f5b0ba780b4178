"""Build the generators that facemask-video converts with, from aligned face crops."""
