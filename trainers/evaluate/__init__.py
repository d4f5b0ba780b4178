"""Figures that tell better generators from worse ones, and the report that holds them."""
