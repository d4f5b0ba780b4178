"""The local page: a server on this machine alone, the processes behind it, and what it serves."""
