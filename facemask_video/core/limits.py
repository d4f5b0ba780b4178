"""How much is read of what a header claims."""

MAX_PIXELS = 1 << 28
"""Most px of a picture that is read: 16384 x 16384. A header may claim any size, and decoding
allocates what it claims; the largest sensors of cameras and phones give 2 to the power of 27.6."""
