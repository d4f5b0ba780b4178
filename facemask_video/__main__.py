"""``python -m facemask_video`` is ``facemask-video``."""

from facemask_video.cli.main import main

main(prog_name="facemask-video")
