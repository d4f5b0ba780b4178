#!/usr/bin/env python3
"""Convert every clip of a folder in both directions and hold each result against its source.

Usage: .venv/bin/python scripts/verify_clips.py FOLDER [--encoder ffv1] [--clip NAME ...]

With ffv1 (into .mkv) every sample outside the reported regions must be the source's; with any other
encoder (into .mp4) times, tags and copied streams must be. Prints a line a conversion as JSON and
exits 1 where any of them fails.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from facemask_video import ConvertConfig, Direction, FacemaskVideoError
from facemask_video.config import OutputConfig, VideoConfig
from facemask_video.pipeline.convert import convert
from facemask_video.verify import verify


def check(clip: Path, direction: Direction, encoder: str, folder: Path) -> dict[str, object]:
    """Convert one clip and verify it."""
    target = folder / f"{clip.stem}_{direction}{'.mkv' if encoder == 'ffv1' else '.mp4'}"
    tracks = folder / "tracks.jsonl"
    config = ConvertConfig(
        direction,
        video=VideoConfig(encoder=encoder),
        output=OutputConfig(overwrite=True, tracks_out=tracks),
    )
    line: dict[str, object] = {"clip": clip.name, "direction": str(direction), "encoder": encoder}
    try:
        done = convert(clip, target, config)
        held = verify(clip, target, tracks=tracks)
    except FacemaskVideoError as exc:
        return {**line, "ok": False, "error": str(exc)}
    finally:
        target.unlink(missing_ok=True)
    return {
        **line,
        "ok": held.ok,
        "frames": done.frames,
        "faces_changed": done.faces_changed,
        "tracks": done.tracks,
        "fps": round(done.frames_per_s, 2),
        "failed": [f"{row.name}: {row.expected} / {row.found}" for row in held.rows if not row.ok],
        "notes": list(done.notes),
    }


def main() -> int:
    """Check all clips."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="ffv1")
    parser.add_argument("--clip", action="append", help="Only clips of this name; repeatable.")
    asked = parser.parse_args()
    clips = sorted(p for p in asked.folder.iterdir() if p.is_file())
    n_failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips:
            if asked.clip and clip.name not in asked.clip:
                continue
            for direction in Direction:
                line = check(clip, direction, asked.encoder, Path(folder))
                n_failed += not line["ok"]
                print(json.dumps(line), flush=True)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
