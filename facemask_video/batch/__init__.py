"""Many files in one call: what is to do, who does it, and what became of it."""
