"""Which domain a face belongs to: masked or bare."""
