"""``facemask-video inspect``: what a file holds, and whether it says that it is synthetic."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facemask_video.api import inspect_video
from facemask_video.cli.options import configured_command
from facemask_video.config.printed import InspectConfig
from facemask_video.core.standard_streams import is_standard, shown_source

if TYPE_CHECKING:
    from facemask_video.api import Inspection
    from facemask_video.content_credentials import Credentials
    from facemask_video.core.frame import StreamInfo, VideoInfo
    from facemask_video.provenance import Provenance


@configured_command(InspectConfig)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def inspect(config: InspectConfig, file: Path, **_quiet: bool) -> None:
    """Show the streams of FILE, - for standard input, and what it says about how it was made.

    Content Credentials (C2PA) in it or beside it are shown and checked, where c2pa-python is
    installed; the exit code is 1 where they do not hold.

    \b
    facemask-video inspect out.mp4
    facemask-video inspect signed.mp4 --trust roots.pem
    """
    about = inspect_video(file, trust=config.trust, max_pixels=config.max_pixels)
    _show(about, as_json=config.json)
    if about.credentials is not None and not about.credentials.is_valid:
        raise click.exceptions.Exit(1)


def _show(about: "Inspection", *, as_json: bool) -> None:
    info, made_by = about.info, about.provenance
    if as_json:
        content = dataclasses.asdict(info)
        content["provenance"] = None if made_by is None else dataclasses.asdict(made_by)
        credentials = about.credentials
        content["credentials"] = (
            None
            if credentials is None
            else {**dataclasses.asdict(credentials), "valid": credentials.is_valid}
        )
        click.echo(json.dumps(content, indent=2, default=str))
        return
    for name, value in _rows(info):
        click.echo(f"{name:<12}{value}")
    _show_provenance(made_by)
    if about.credentials is not None:
        _show_credentials(about.credentials)


def _show_credentials(found: "Credentials") -> None:
    """Say first whether what was signed holds, then what it says."""
    where = "beside the file" if found.sidecar else "in the file"
    rows = [
        ("credentials", f"C2PA, {where}: {'VALID' if found.is_valid else 'NOT VALID'}"),
        ("  signature", found.signature),
        ("  content", found.content),
        ("  trust", found.trust),
        ("  signer", found.signer),
        ("  tool", found.tool),
        *(("  action", action) for action in found.actions),
        *(("  source", title) for title in found.sources),
        *((f"  {name.replace('_', ' ')}", text) for name, text in (found.conversion or {}).items()),
    ]
    for name, text in rows:
        if text is not None:
            click.echo(f"{name}: {text}" if name.startswith(" ") else f"{name} {text}")


def _show_provenance(made_by: "Provenance | None") -> None:
    if made_by is None:
        click.echo("provenance  none: the file does not say that this program made it")
        return
    if made_by.is_synthetic:
        click.echo("provenance  SYNTHETIC: faces in this file were made by a generator")
    else:
        click.echo("provenance  no face was changed: this program found none to translate")
    for name, value in dataclasses.asdict(made_by).items():
        if value is not None:
            click.echo(f"  {name.replace('_', ' ')}: {value}")


def _rows(info: "VideoInfo") -> list[tuple[str, str]]:
    from facemask_video.pipeline.plan import picture_text

    if info.is_picture:
        return _picture_rows(info)
    count = info.frame_count_from_header
    size = "" if is_standard(info.path) else f", {info.path.stat().st_size:,} bytes"
    rows = [
        ("file", f"{shown_source(info.path)} ({info.container}{size})"),
        ("pictures", picture_text(info)),
        ("frames", "not in the header" if count is None else f"{count} by the header"),
        (
            "colour",
            f"matrix {info.matrix}, range {info.color_range}, primaries {info.primaries}, "
            f"transfer {info.transfer}, {info.bit_depth} bit",
        ),
        ("time base", f"{info.time_base} s"),
    ]
    if info.rotation_deg or info.mirrored:
        rows.append(
            ("rotation", f"{info.rotation_deg} degrees{', mirrored' if info.mirrored else ''}")
        )
    if info.sample_aspect not in (None, 1):
        rows.append(("aspect", f"{info.sample_aspect} of a pixel"))
    rows += [("stream", _stream_text(stream)) for stream in info.streams]
    if info.chapters:
        rows.append(("chapters", str(len(info.chapters))))
    return rows


def _picture_rows(info: "VideoInfo") -> list[tuple[str, str]]:
    from facemask_video.pipeline.plan import picture_text

    rows = [
        ("file", f"{info.path} ({info.container}, {info.path.stat().st_size:,} bytes)"),
        ("picture", picture_text(info)),
    ]
    if info.rotation_deg or info.mirrored:
        turn = f"{info.rotation_deg} degrees{', mirrored' if info.mirrored else ''}"
        rows.append(("rotation", turn))
    about = (("profile", "colour profile"), ("resolution", "dots an inch"))
    rows += [(name, info.metadata[tag]) for name, tag in about if tag in info.metadata]
    return rows


def _stream_text(stream: "StreamInfo") -> str:
    about = [stream.kind, stream.codec or "unknown codec"]
    about += [f"'{stream.title}'"] if stream.title else []
    about += [stream.language] if stream.language else []
    about += [f"({', '.join(stream.dispositions)})"] if stream.dispositions else []
    return f"{stream.index}: {' '.join(about)}"
