"""Face detection in images, and from frame to frame of a shot."""
