"""Put synthetic face masks on faces in a video, or take masks off, and change nothing else."""

__version__ = "0.1.0"
