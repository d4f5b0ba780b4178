"""What a conversion costs beside what cannot be spared."""
