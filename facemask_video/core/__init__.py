"""The nouns everything else is written in: geometry, frames, faces, files and errors."""
