"""The command line: `main` is the group, and each command has a file."""
