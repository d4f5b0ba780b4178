"""From a translated crop to pixels of the frame: colour, alpha, steadiness, paste."""
