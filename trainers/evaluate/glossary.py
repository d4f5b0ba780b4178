"""What the short names of a report mean, in plain words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Entry:
    """What a metric is.

    Attributes:
        plain: Its name in plain words.
        meaning: What it measures, how, and what is good.
        unit: How its values are read: a share of 1, decibels, or a bare number.
        headline: Whether it stands in the summary.
    """

    plain: str
    meaning: str
    unit: Literal["share", "dB", ""] = ""
    headline: bool = False


_STATES = {"bare": "bare", "masked": "masked"}
_PARTS = {
    "inside": ("where the mask was", "where the mask hid the face"),
    "outside": ("beside the mask", "where no mask was, which should not change"),
    "whole": ("whole picture", "over the whole picture"),
    "hidden_only": (
        "whole picture, the rest the truth's",
        "over the whole picture, of which nothing but what the mask hid is the output's",
    ),
}
_CHANNELS = {"l": "brightness", "a": "redness", "b": "yellowness"}

METRICS: dict[str, Entry] = {
    "classed_masked": Entry(
        "outputs judged masked",
        "Share of the outputs that the mask classifier takes for masked faces; all is best.",
        "share",
        headline=True,
    ),
    "classed_bare": Entry(
        "outputs judged bare",
        "Share of the outputs that the mask classifier takes for bare faces; all is best.",
        "share",
        headline=True,
    ),
    "real_or_fake_accuracy": Entry(
        "told from photographs by a network",
        "How often a small network, trained for it on other faces, tells lower faces of outputs "
        "from those of photographs; half is chance, and the best that outputs can reach.",
        "share",
        headline=True,
    ),
    "psnr_eyes_db": Entry(
        "eyes kept",
        "Peak signal-to-noise ratio of the eye region against the input: how little the part "
        "changed that no mask hides. Above 40 dB nobody sees a difference.",
        "dB",
        headline=True,
    ),
    **{
        f"psnr_{part}_db": Entry(
            f"likeness to the truth, {short}",
            "Peak signal-to-noise ratio against the true picture (or the input, of faces that need "
            f"no change), {where}; higher is more alike, 60 dB is equal.",
            "dB",
            headline=part in ("inside", "hidden_only"),
        )
        for part, (short, where) in _PARTS.items()
    },
    **{
        f"ssim_{part}": Entry(
            f"structure like the truth's, {short}",
            f"Structural similarity to the true picture (or the input), {where}: whether edges and "
            "texture lie where they should; 1 is equal.",
            headline=part == "inside",
        )
        for part, (short, where) in _PARTS.items()
    },
    "lpips_whole": Entry(
        "perceptual distance to the truth",
        "LPIPS: distance in the features of a network, which agrees with people better than PSNR "
        "and SSIM do; 0 is equal. Comparable on one backbone alone.",
        headline=True,
    ),
    "fid": Entry(
        "distance to real pictures (FID)",
        "Fréchet distance of outputs and real pictures in Inception's features; lower is better, "
        "and only sets of one size compare.",
        headline=True,
    ),
    "kid": Entry(
        "distance to real pictures (KID)",
        "Kernel distance of the same features, which does not depend on the sets' size; lower is "
        "better.",
    ),
    "fd_onet": Entry(
        "distance to real faces (Fréchet)",
        "Fréchet distance of outputs and real faces in the features of the face detector's O-Net. "
        "No FID, and not comparable with one; lower is better.",
        headline=True,
    ),
    "kd_onet": Entry(
        "distance to real faces (kernel)",
        "Kernel distance of the same features; lower is better.",
    ),
    **{
        f"light_correlation_{channel}": Entry(
            f"follows the skin's {plain}",
            f"Correlation, over the faces, of the {plain} (CIELAB {channel.upper()}) of what was "
            "painted with that of the skin beside it; a sticker has none.",
        )
        for channel, plain in _CHANNELS.items()
    },
    "sharpness_ratio": Entry(
        "detail beside the skin's",
        "Gradient energy of what was painted over that of the visible skin; no goal in itself: "
        "compare with that of real pictures.",
    ),
    "identity_cosine_face": Entry(
        "same person, whole face",
        "Cosine of a face embedder's vectors of output and reference; 1 is the same picture, "
        "different persons lie near 0.",
        headline=True,
    ),
    "identity_cosine_eyes": Entry(
        "same person, eyes alone",
        "The same with everything below the eyes greyed out, which no mask hides.",
    ),
    "region_iou": Entry(
        "mask lies where the real one does",
        "Intersection over union of the mask put on with the photograph's own, which was taken "
        "off; all is best.",
        "share",
        headline=True,
    ),
    "covers_nose": Entry("nose covered", "Share of masks under which the nose lies.", "share"),
    "covers_chin": Entry(
        "chin covered", "Share of masks under which a point of the chin lies.", "share"
    ),
    "covers_cheeks": Entry(
        "cheeks covered", "Share of masks under which both cheeks lie.", "share"
    ),
    "eyes_free": Entry("both eyes free", "Share of masks that leave both eyes free.", "share"),
    **{
        f"verification_accuracy_{first}_{second}": Entry(
            f"pairs told right, {first} against {second}",
            "Share of pairs of pictures rightly told to show one person or two, by the protocol "
            "of Labeled Faces in the Wild; half is chance.",
            "share",
        )
        for first in _STATES
        for second in _STATES
    },
    **{
        f"false_non_match_rate_{first}_{second}": Entry(
            f"persons not recognised, {first} against {second}",
            "Share of pairs of one person that do not match, at a threshold at which different "
            "bare faces match as seldom as was asked for (NIST IR 8311).",
            "share",
            headline=(first, second) == ("bare", "masked"),
        )
        for first in _STATES
        for second in _STATES
    },
    **{
        f"false_match_rate_{first}_{second}": Entry(
            f"persons confused, {first} against {second}",
            "Share of pairs of different persons that match at the same threshold.",
        )
        for first in _STATES
        for second in _STATES
    },
    "frames_missing": Entry(
        "frames missing", "Frames of the source at whose time the output has none.", headline=True
    ),
    "file_checks_failed_share": Entry(
        "checks of the file failed",
        "Share of the checks of facemask-video verify that fail: what should be exact is not.",
        "share",
        headline=True,
    ),
    "box_jitter_px": Entry(
        "trembling of the face's box", "Noise of the tracked box's centre, in px."
    ),
    "flicker_source": Entry(
        "flicker of the source",
        "Mean absolute difference of neighbouring frames of the source, where the face was "
        "changed, in levels of a byte.",
    ),
    "flicker": Entry("flicker of the output", "The same of the output."),
    "flicker_ratio": Entry(
        "flicker against the source's",
        "Flicker of the output over that of the source; 1 is as steady as the source.",
        headline=True,
    ),
    "warping_error_source": Entry(
        "warping error of the source",
        "Mean squared difference of neighbouring frames of the source after the flow has carried "
        "one onto the other, of values in [0, 1].",
    ),
    "warping_error": Entry("warping error of the output", "The same of the output."),
}
"""By the name of the measurement, in the order of the glossary."""

METHODS = {
    "ours": "the generator under test",
    "copy": "the input itself, unchanged",
    "telea": "inpainting by Telea (OpenCV), with the true segmentation of the mask",
    "navier-stokes": "inpainting by Navier-Stokes (OpenCV), likewise",
    "mean face": "the mean of the faces that are not evaluated, put in",
    "real": "the photographs' own masks",
}
"""Whose outputs a column shows; others are bins of faces, with their number."""

_DIRECTIONS = {"mask": "Masks put on", "unmask": "Masks taken off"}
_SETS = {
    "held-out": "faces that training did not see",
    "needless": "faces that need no change",
    "pairs": "exact pairs, as crops",
    "photographs": "exact pairs, as whole photographs",
    "drawn": "masks drawn on bare faces",
    "fit": "put back where real ones were",
    "verification": "recognition",
}


def heading(group: str) -> str:
    """Return the name of a group of measurements in plain words.

    >>> heading("unmask/held-out, by yaw")
    'Masks taken off: faces that training did not see, by yaw'
    >>> heading("clip/interview"), heading("clips/all")
    ('Video: interview', 'All videos together')
    """
    if group == "clips/all":
        return "All videos together"
    name, _, attribute = group.partition(", by ")
    what, _, of = name.partition("/")
    if what == "clip":
        return f"Video: {of}"
    if what not in _DIRECTIONS:
        return group
    by = f", by {attribute}" if attribute else ""
    return f"{_DIRECTIONS[what]}: {_SETS.get(of, of)}{by}"


def plain_name(name: str) -> str:
    """Return a metric's name in plain words; its own where the glossary does not know it."""
    return METRICS[name].plain if name in METRICS else name


def entries(names: Iterable[str]) -> dict[str, Entry]:
    """Return what the glossary knows of these metrics, in its order."""
    wanted = set(names)
    return {name: entry for name, entry in METRICS.items() if name in wanted}
