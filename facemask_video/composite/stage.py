"""The stages that put translated crops into the picture: colours, steadiness, blending, notes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from numpy.typing import NDArray

from facemask_video.composite.colour_match import match_colour
from facemask_video.composite.grain import GrainMatcher
from facemask_video.composite.label import label_patch
from facemask_video.composite.overlay import overlay
from facemask_video.composite.paste import make_patch
from facemask_video.composite.stabilise import Stabiliser
from facemask_video.core.faces import (
    BlendedFrame,
    PastedFace,
    TrackedFace,
    TranslatedCrop,
    TranslatedFrame,
)
from facemask_video.core.frame import Patch


class MatchColours:
    """Match each translated crop's colours to its source; holds nothing.

    Args:
        mode: ``none``, ``histogram`` or ``mean-std``; see `match_colour`.
    """

    def __init__(self, *, mode: str) -> None:
        self._mode = mode

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame with its crops matched."""
        for item in items:
            crops = tuple(match_colour(crop, self._mode) for crop in item.crops)
            yield TranslatedFrame(item.frame, crops)


class PastKeeper(Protocol):
    """Keeps what `SteadyFaces` remembers, so that another run can go on from there."""

    def kept(self) -> tuple[int, Mapping[str, NDArray[Any]]]:
        """Return the frame that is gone on from, and what was remembered before it."""
        ...

    def keep(
        self,
        frames_done: int,
        crops: Sequence[TranslatedCrop],
        state: Callable[[], Mapping[str, NDArray[Any]]],
    ) -> None:
        """Take note of what is remembered after so many frames, with the last one's crops."""
        ...


class SteadyFaces:
    """Blend each person's translated crops with their own past; holds one crop a person.

    Args:
        temporal: Strength in [0, 1].
        keeper: Says from which frame on; crops of the frames before it are passed on as they are.
    """

    def __init__(self, *, temporal: float, keeper: PastKeeper | None = None) -> None:
        self._temporal = temporal
        self._keeper = keeper

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[TranslatedFrame]:
        """Yield each frame with its crops steadied."""
        stabiliser, begin = Stabiliser(self._temporal), 0
        if self._keeper is not None:
            begin, state = self._keeper.kept()
            stabiliser.restore(state)
        for item in items:
            index = item.frame.index
            if index < begin:
                yield item
                continue
            crops = stabiliser.steady(item.crops, frame_index=index)
            if self._keeper is not None:
                self._keeper.keep(index + 1, crops, stabiliser.state)
            yield TranslatedFrame(item.frame, crops)


class BlendFaces:
    """Blend the translated crops into the frame's own planes; holds no frame.

    A frame in which no face changes anything is passed on as it is.

    Args:
        coverage: Part of the crop that may be replaced, in (0, 1].
        grain: Whether to give what is painted the grain and sharpness of the skin beside it.
        forget_every: See `GrainMatcher`.
    """

    def __init__(self, *, coverage: float, grain: bool, forget_every: int = 250) -> None:
        self._coverage = coverage
        self._grain = grain
        self._forget_every = forget_every

    def __call__(self, items: Iterable[TranslatedFrame], /) -> Iterator[BlendedFrame]:
        """Yield each frame beside its source, and what was pasted where."""
        matcher = GrainMatcher(forget_every=self._forget_every)
        for item in items:
            pasted, unchanged = [], []
            for crop in item.crops:
                patch = make_patch(
                    crop,
                    frame_width_px=item.frame.width_px,
                    frame_height_px=item.frame.height_px,
                    coverage=self._coverage,
                )
                if patch is None:
                    unchanged.append(crop.source.face)
                else:
                    if self._grain:
                        patch = matcher.match(patch, crop, item.frame)
                    share = float(crop.alpha.mean())
                    pasted.append(PastedFace(crop.source.face, patch, share))
            frame = item.frame
            if pasted:
                frame = frame.with_patches([face.patch for face in pasted])
            yield BlendedFrame(item.frame, frame, tuple(pasted), tuple(unchanged))


class DrawFaces:
    """Draw over the finished frame what was followed and decided; holds nothing.

    The source beside it, and the regions that a sidecar names, stay as they were.
    """

    def __call__(self, items: Iterable[BlendedFrame], /) -> Iterator[BlendedFrame]:
        """Yield each frame with its faces' boxes, landmarks, numbers and verdicts on it."""
        for item in items:
            patches = overlay(
                item.faces,
                width_px=item.frame.width_px,
                height_px=item.frame.height_px,
                notes=[_verdict_text(face) for face in item.faces],
            )
            frame = item.frame.with_patches(patches) if patches else item.frame
            yield replace(item, frame=frame)


class LabelFrames:
    """Put a label into a corner of the frames that show a translated face; holds nothing.

    Args:
        text: What it says; see `label_patch`.
        everywhere: Whether the other frames get it too.
        white: Level of its letters.
    """

    def __init__(self, text: str, *, everywhere: bool = False, white: int = 255) -> None:
        self._text = text
        self._everywhere = everywhere
        self._white = white
        self._patches: dict[tuple[int, int], Patch] = {}

    def patch_for(self, width_px: int, height_px: int) -> Patch:
        """Return the label of frames of a size, as displayed.

        Raises:
            ConfigError: They have no room for it.
        """
        size = (width_px, height_px)
        if size not in self._patches:
            self._patches[size] = label_patch(
                self._text, width_px=width_px, height_px=height_px, white=self._white
            )
        return self._patches[size]

    def __call__(self, items: Iterable[BlendedFrame], /) -> Iterator[BlendedFrame]:
        """Yield each frame, with the label on it and its place beside it where it is due."""
        for item in items:
            if not item.pasted and not self._everywhere:
                yield item
                continue
            patch = self.patch_for(item.frame.width_px, item.frame.height_px)
            yield replace(item, frame=item.frame.with_patches([patch]), label=patch.box)


def _verdict_text(face: TrackedFace) -> str:
    verdict = face.verdict
    if verdict is None:
        return ""
    said = [verdict.domain or ""]
    said += [] if verdict.score is None else [f"{verdict.score:.2f}"]
    said += ["left alone"] if verdict.translate is False else []
    return " ".join(said).strip()
