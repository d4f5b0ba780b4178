"""What a container did not take over, found by reading the written header back."""

from facemask_video.core.frame import VideoInfo
from facemask_video.video.passthrough import kept_tags

# HDR mastering data has a note of its own.
_SIDE_DATA = {
    "SPHERICAL": "the tag that the picture is a spherical one (360 degrees)",
    "STEREO3D": "the tag that the picture is stereoscopic",
    "A53_CC": "the closed captions in the pictures",
    "ICC_PROFILE": "the ICC colour profile",
    "AFD": "the active format description",
}
_ALPHA = "transparency is lost: it is not read from VP8 and VP9"


def find_lost(
    source: VideoInfo, written: VideoInfo, format_name: str, *, streams_missing: int
) -> list[str]:
    """Say what of the source is missing in what was written, a line each.

    Args:
        source: The source.
        written: The output, read back.
        format_name: The output's container, for the text.
        streams_missing: Number of streams that were given to it and are not there.
    """
    found = []
    if streams_missing > 0:
        found.append(f"{streams_missing} of the copied streams")
    if (source.rotation_deg, source.mirrored) != (written.rotation_deg, written.mirrored):
        found.append(f"the rotation of {source.rotation_deg} degrees")
    if (source.sample_aspect or 1) != (written.sample_aspect or 1):
        found.append(f"the pixel aspect {source.sample_aspect}")
    for name in ("matrix", "primaries", "transfer"):
        before, after = getattr(source, name), getattr(written, name)
        if before not in ("unspecified", "rgb", after):
            found.append(f"the colour {name} tag {before}")
    if source.chroma_siting != written.chroma_siting:
        found.append(f"the chroma siting {source.chroma_siting}")
    if source.color_range == "full" and written.color_range not in ("full", "limited"):
        found.append("the full range tag")
    if source.interlaced and not written.interlaced:
        found.append("the tag that pictures are two fields")
    if len(source.chapters) > len(written.chapters):
        found.append("the chapters")
    for name, text in _SIDE_DATA.items():
        if name in source.side_data and name not in written.side_data:
            found.append(text)
    names = {name.lower() for name in written.metadata}
    tags = sorted(name for name in kept_tags(source.metadata) if name.lower() not in names)
    if tags:
        found.append(f"the tags {', '.join(tags)}")
    lost = [f"{what} is lost: a {format_name} file did not take it" for what in found]
    if "ALPHA" in source.side_data and "ALPHA" not in written.side_data:
        lost.append(_ALPHA)
    return lost
