"""Still pictures: read on their own samples, written with everything but the faces as it was."""
