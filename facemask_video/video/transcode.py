"""Decode and encode a clip with nothing between: what every conversion costs at least."""

from pathlib import Path

import av

from facemask_video.config import VideoConfig


def transcode(clip: Path, target: Path, video: VideoConfig) -> tuple[int, str]:
    """Encode the pictures of a clip anew.

    Returns:
        The number of frames, and the pixel format that was encoded.
    """
    options = dict(video.encoder_options)
    if video.crf is not None:
        options["crf"] = f"{video.crf:g}"
    if video.preset is not None:
        options["preset"] = video.preset
    frames = 0
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        decoded = source.streams.video[0]
        decoded.thread_type = "AUTO"
        encoded = sink.add_stream(
            video.encoder or "libx264", rate=decoded.average_rate, options=options
        )
        assert isinstance(encoded, av.VideoStream)
        encoded.width, encoded.height = decoded.width, decoded.height
        encoded.pix_fmt = decoded.codec_context.pix_fmt or "yuv420p"
        # Equal time bases keep uneven frames where they are, and the bit rate with them.
        if decoded.time_base is not None:
            encoded.time_base = encoded.codec_context.time_base = decoded.time_base
        for frame in source.decode(decoded):
            # The decoder's choice of key frames is not the encoder's.
            frame.pict_type = av.video.frame.PictureType.NONE
            sink.mux(encoded.encode(frame))
            frames += 1
        sink.mux(encoded.encode())
    return frames, encoded.pix_fmt or "yuv420p"
