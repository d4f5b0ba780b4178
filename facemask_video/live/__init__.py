"""Live runs: from a camera, a screen or an address into windows, files and addresses."""
