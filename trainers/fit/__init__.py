"""The training loop: runs, resume, averages of weights, pictures of progress."""
