#!/usr/bin/env python3
"""Time a conversion beside a plain decode-encode of the same clip by the same encoder.

What `facemask-video benchmark` does, out of a checkout, as one JSON object:

    scripts/bench_convert.py samples/astronaut.mp4 --direction mask > bench.json
"""

import sys

from facemask_video.cli.main import main

main(["benchmark", "--json", *sys.argv[1:]], prog_name="scripts/bench_convert.py")
