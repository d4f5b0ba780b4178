"""Pairs of the same face without and with a mask: data for masked-face recognition."""
