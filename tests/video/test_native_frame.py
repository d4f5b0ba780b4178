"""A frame's own planes: exact where nothing is pasted, right where something is."""

from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest

from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.frame import Patch
from facemask_video.core.geometry import Box
from facemask_video.video import NativeFrame, VideoReader, beside, grey_frame
from facemask_video.video.orientation import Orientation
from facemask_video.video.plane_layout import layout_of, nearest_layout
from tests.synthetic import encode_clip, moving_square_frames, square_box

FORMATS = [
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuvj420p", "yuvj422p"),
    *("yuvj444p", "yuva420p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le"),
    *("yuv444p12le", "yuv422p16le", "nv12", "nv21", "nv16", "nv24", "p010le", "p210le", "p016le"),
    *("yuyv422", "uyvy422", "gray", "gray10le", "gray16le", "ya8", "gbrp", "gbrp10le", "gbrap"),
    *("rgb24", "bgr24", "rgba", "bgra", "argb", "0rgb", "bgr0", "rgb48le"),
]


def frame_of(
    name: str, *, matrix: int = 2, color_range: int = 0, width_px: int = 37, height_px: int = 29
) -> NativeFrame:
    """Make a frame of random legal samples, odd in size."""
    layout = layout_of(name)
    assert layout is not None
    picture = av.VideoFrame(width_px, height_px, name)
    rng = np.random.default_rng(7)
    for plane in picture.planes:
        np.frombuffer(plane, np.uint8)[...] = 0x55
    low, high = (0.2, 0.8) if layout.model == "yuv" else (0.0, 1.0)
    for view in layout.views(picture):
        codes = rng.uniform(low, high, view.shape) * ((1 << layout.bits) - 1)
        view[...] = np.rint(codes).astype(view.dtype) << layout.shift
    picture.colorspace, picture.color_range = matrix, color_range
    picture.pts, picture.time_base = 5, Fraction(1, 25)
    return NativeFrame(picture, layout, index=0, pts=5, time_base=Fraction(1, 25))


def planes(frame: NativeFrame) -> list[bytes]:
    """Return every plane's visible bytes, alpha too, without what pads its lines."""
    visible = []
    for index, plane in enumerate(frame.picture.planes):
        lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        places = [c.step for c in frame.layout.components if c.plane == index] or [1]
        width = plane.width * max(places) * frame.layout.dtype.itemsize
        visible.append(lines[:, :width].tobytes())
    return visible


def patch(box: Box, alpha: float = 1.0, seed: int = 3) -> Patch:
    rng = np.random.default_rng(seed)
    shape = int(box.height_px), int(box.width_px)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    return Patch(box, image, np.full(shape, alpha, np.float32))


@pytest.mark.parametrize("name", FORMATS)
def test_samples_under_no_alpha_are_the_decoders_own(name):
    """Every sample that covers no pixel under the alpha stays, in all planes, alpha included."""
    frame = frame_of(name)
    before = planes(frame)
    box = Box(9, 7, 22, 18)
    made = patch(box)
    made.alpha[:4] = 0
    made.alpha[:, :5] = 0
    changed = frame.with_patches([made])
    touched = Box(14, 11, 22, 18)

    assert planes(frame) == before, "the frame itself stays as it was"
    across, down = frame.layout.subsample
    for index, (old, new) in enumerate(zip(frame.samples(), changed.samples(), strict=True)):
        sx, sy = (across, down) if index and frame.layout.model == "yuv" else (1, 1)
        outside = np.ones(old.shape, bool)
        rows = slice(int(touched.y0) // sy, -(-int(touched.y1) // sy))
        columns = slice(int(touched.x0) // sx, -(-int(touched.x1) // sx))
        outside[rows, columns] = False
        assert np.array_equal(old[outside], new[outside])
        assert not np.array_equal(old, new)
    if frame.layout.name in ("yuva420p", "gbrap"):
        assert planes(changed)[3] == before[3]


@pytest.mark.parametrize("name", FORMATS)
def test_alpha_zero_everywhere_changes_nothing(name):
    frame = frame_of(name)
    assert planes(frame.with_patches([patch(Box(3, 3, 20, 20), alpha=0.0)])) == planes(frame)


def slow_blend(frame: NativeFrame, made: Patch) -> list[np.ndarray]:
    """Blend sample by sample in Python, by H.273's formulas, for a yuv frame of a full matrix."""
    layout, width_px, height_px = frame.layout, frame.picture.width, frame.picture.height
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[frame.colour.matrix]
    peak, step = (1 << layout.bits) - 1, 1 << (layout.bits - 8)
    full = frame.colour.full_range

    def codes(rgb: np.ndarray) -> tuple[float, float, float]:
        r, g, b = (float(v) / 255 for v in rgb)
        y = red * r + (1 - red - blue) * g + blue * b
        cb, cr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
        if full:
            return y * peak, cb * peak + 128 * step, cr * peak + 128 * step
        return (16 + 219 * y) * step, (128 + 224 * cb) * step, (128 + 224 * cr) * step

    alpha = np.zeros((height_px, width_px))
    image = np.zeros((height_px, width_px, 3))
    x0, y0, x1, y1 = (int(v) for v in (made.box.x0, made.box.y0, made.box.x1, made.box.y1))
    alpha[y0:y1, x0:x1], image[y0:y1, x0:x1] = made.alpha, made.image
    across, down = layout.subsample
    results = []
    for index, view in enumerate(frame.samples()):
        out = (view >> layout.shift).astype(float)
        sx, sy = (across, down) if index else (1, 1)
        for row in range(out.shape[0]):
            for column in range(out.shape[1]):
                ys = range(row * sy, min((row + 1) * sy, height_px))
                xs = range(column * sx, min((column + 1) * sx, width_px))
                mean = np.mean([alpha[y, x] for y in ys for x in xs])
                if not mean:
                    continue
                # MPEG siting: on the left column; JPEG: the middle of the block.
                taken = xs if layout.jpeg or not index else [xs[0]]
                colours = [
                    image[min(max(y, y0), y1 - 1), min(max(x, x0), x1 - 1)]
                    for y in range(row * sy, (row + 1) * sy)
                    for x in (range(column * sx, (column + 1) * sx) if layout.jpeg else taken)
                ]
                target = np.mean([codes(colour)[index] for colour in colours])
                out[row, column] += mean * (target - out[row, column])
        results.append(out)
    return results


@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize(
    "name", ["yuv420p", "yuv422p10le", "yuv444p12le", "yuvj420p", "nv12", "p010le"]
)
@pytest.mark.parametrize("box", [Box(8, 6, 20, 18), Box(7, 5, 18, 16), Box(24, 19, 37, 29)])
def test_blended_samples_follow_a_slow_reference(name, matrix, color_range, box):
    frame = frame_of(name, matrix=matrix, color_range=color_range)
    made = patch(box)
    made.alpha[...] = np.linspace(0, 1, made.alpha.size).reshape(made.alpha.shape)
    changed = frame.with_patches([made])
    for new, expected in zip(changed.samples(), slow_blend(frame, made), strict=True):
        assert np.abs((new >> frame.layout.shift) - expected).max() <= 0.6


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_read_can_be_put_back_unchanged(name):
    """Reading goes to 8-bit RGB, so a sample comes back within the step of 1/255."""
    frame = frame_of(name)
    # Grey samples only: saturated random chroma leaves RGB's cube and cannot come back.
    if frame.layout.model == "yuv":
        for view in frame.samples()[1:]:
            middle = 1 << (frame.layout.bits - 1)
            codes = np.rint((view >> frame.layout.shift) * 0.05 + middle * 0.95)
            view[...] = codes.astype(view.dtype) << frame.layout.shift
    box = Box(4, 6, 30, 24)
    back = frame.with_patches([Patch(box, frame.read_region(box), np.ones((18, 26), np.float32))])
    step = max(1, (1 << frame.layout.bits) // 256)
    for old, new in zip(frame.samples(), back.samples(), strict=True):
        shift = frame.layout.shift
        difference = np.abs((old >> shift).astype(int) - (new >> shift).astype(int))
        assert difference.max() <= 1.5 * step


@pytest.mark.parametrize(
    ("matrix", "color_range", "expected"),
    [
        (1, 1, (81, 121, 197)),
        (6, 1, (93, 113, 197)),
        (1, 2, (75, 120, 207)),
        (9, 1, (87, 117, 198)),
    ],
)
def test_a_region_is_read_through_the_frames_own_matrix_and_range(matrix, color_range, expected):
    """One red, (200, 40, 60), as each matrix and range encodes it."""
    frame = frame_of("yuv444p", matrix=matrix, color_range=color_range)
    for view, code in zip(frame.samples(), expected, strict=True):
        view[...] = code
    region = frame.read_region(Box(2, 2, 5, 5))
    assert np.abs(region.astype(int) - (200, 40, 60)).max() <= 2


def test_an_untagged_matrix_is_709_for_hd_and_601_below():
    for width_px, matrix in ((640, 6), (1280, 1)):
        assert frame_of("yuv420p", width_px=width_px).colour.matrix == matrix


def test_a_region_outside_the_frame_repeats_its_edge():
    frame = frame_of("yuv420p")
    whole = frame.read_region(Box(0, 0, 37, 29))
    wide = frame.read_region(Box(-5, -4, 45, 40))
    assert np.array_equal(wide, np.pad(whole, ((4, 11), (5, 8), (0, 0)), mode="edge"))
    beyond = frame.read_region(Box(50, 40, 53, 42))
    assert (beyond == whole[-1, -1]).all()
    assert frame.read_region(Box(3, 3, 3, 9)).shape == (6, 0, 3)


def test_chroma_sits_on_the_left_column_it_covers():
    frame = frame_of("yuv420p", matrix=6, color_range=1)
    luma, blue, red = frame.samples()
    luma[...], blue[...], red[...] = 128, 128, 128
    red[:, 5] = 168
    region = frame.read_region(Box(8, 4, 14, 5))[0, :, 0].astype(int)
    assert region[2] > region[1] > region[0]
    assert region[1] == region[3]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_a_turned_clip_is_read_and_patched_as_displayed(tmp_path, rotation_deg, mirrored):
    drawn = moving_square_frames(2, width_px=70, height_px=50)
    clip = encode_clip(
        tmp_path / "in.mov",
        drawn,
        codec="libx264",
        pix_fmt="yuv444p",
        options={"qp": "0"},
        rotation_deg=rotation_deg,
        mirrored=mirrored,
    )
    with VideoReader(clip) as reader:
        frames = list(reader)
        assert (reader.info.rotation_deg, reader.info.mirrored) == (rotation_deg, mirrored)
        assert (reader.info.width_px, reader.info.height_px) == (70, 50)
    for frame, image in zip(frames, drawn, strict=True):
        assert (frame.width_px, frame.height_px) == (70, 50)
        box = Box(1, 2, 33, 21)
        assert np.abs(frame.read_region(box).astype(int) - image[2:21, 1:33]).max() <= 2
        small, scale = frame.thumbnail(35)
        assert small.shape == (25, 35, 3)
        assert scale == 0.5
        made = patch(Box(40, 30, 60, 45))
        there = frame.with_patches([made]).read_region(made.box)
        assert np.abs(there.astype(int) - made.image).max() <= 4


def test_a_thumbnail_shows_the_whole_frame_in_its_own_colour(tmp_path):
    drawn = moving_square_frames(1, width_px=320, height_px=240, side_px=80)
    for matrix, color_range in ((1, 1), (6, 2), (9, 1)):
        clip = encode_clip(
            tmp_path / "in.mkv", drawn, codec="ffv1", matrix=matrix, color_range=color_range
        )
        with VideoReader(clip) as reader:
            small, scale = next(iter(reader)).thumbnail(80)
        assert scale == 0.25
        expected = drawn[0].reshape(60, 4, 80, 4, 3).mean(axis=(1, 3))
        assert np.abs(small - expected).mean() < 2


def test_a_patch_that_leaves_the_frame_is_refused():
    frame = frame_of("yuv420p")
    with pytest.raises(ValueError, match="clip it"):
        frame.with_patches([patch(Box(30, 20, 40, 28))])


def test_patches_are_blended_in_order():
    frame = frame_of("yuv444p")
    first, second = patch(Box(4, 4, 12, 12)), patch(Box(4, 4, 12, 12), seed=9)
    both = frame.with_patches([first, second])
    assert planes(both) == planes(frame.with_patches([second]))


def test_side_data_and_times_stay_with_a_patched_frame(tmp_path):
    clip = encode_clip(tmp_path / "in.mp4", rotation_deg=90)
    with VideoReader(clip) as reader:
        frame = list(reader)[3]
    changed = frame.with_patches([patch(Box(4, 4, 12, 12))])
    assert (changed.index, changed.pts, changed.time_base) == (3, frame.pts, frame.time_base)
    kinds = [
        [each.type for each in one.picture.side_data]  # type: ignore[attr-defined]
        for one in (changed, frame)
    ]
    assert kinds[0] == kinds[1]


def test_formats_without_a_layout_are_read_as_the_nearest():
    assert nearest_layout("pal8").model == "rgb"
    assert nearest_layout("monow").name == "gray"
    assert nearest_layout("yuv422p10be").name == "yuv422p10le"
    assert nearest_layout("rgb565le").name == "rgb24"


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("width_px", [64, 37])
def test_pictures_side_by_side_are_each_their_own(tmp_path, rotation_deg, width_px):
    drawn = moving_square_frames(2, width_px=width_px, height_px=30)
    clip = encode_clip(tmp_path / "in.mkv", drawn, codec="ffv1", rotation_deg=rotation_deg)
    with VideoReader(clip) as reader:
        one, two = list(reader)
        size = reader.stored_size(2)
    pair = beside([one, two])
    assert (pair.picture.width, pair.picture.height) == size
    assert (pair.index, pair.pts) == (one.index, one.pts)
    wide = pair.width_px // 2
    height_px = one.height_px
    # What fills the chroma grid comes after the stored picture, so before a turned one.
    filled = wide - width_px if one.orientation.flip_x else 0
    for frame, x0 in ((one, filled), (two, wide + filled)):
        inside = Box(x0 + 2, 0, x0 + width_px - 2, height_px)
        expected = frame.read_region(Box(2, 0, width_px - 2, height_px))
        assert np.abs(pair.read_region(inside).astype(int) - expected).mean() < 1


def test_grey_frame_shows_alpha_as_grey():
    frame = frame_of("yuv420p10le", color_range=1)
    alpha = np.linspace(0, 1, 37 * 29, dtype=np.float32).reshape(29, 37)
    grey = grey_frame(frame, alpha).read_region(Box(0, 0, 37, 29))
    assert np.abs(grey - 255 * alpha[:, :, None]).max() <= 1


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_orientation_maps_there_and_back(rotation_deg, mirrored):
    stored = np.arange(12).reshape(3, 4)
    displayed = np.rot90(stored, -rotation_deg // 90)
    displayed = displayed[:, ::-1] if mirrored else displayed
    found = [
        o
        for o in (
            Orientation(t, x, y)
            for t in (False, True)
            for x in (False, True)
            for y in (False, True)
        )
        if (o.rotation_deg, o.mirrored) == (rotation_deg, mirrored)
    ]
    assert len(found) == 1
    assert np.array_equal(found[0].to_display(stored), displayed)
    assert np.array_equal(found[0].to_storage(displayed), stored)


def test_the_squares_truth_is_where_it_is_drawn(tmp_path: Path):
    clip = encode_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="bgra")
    with VideoReader(clip) as reader:
        for frame in reader:
            assert (frame.read_region(square_box(frame.index)) == (220, 200, 60)).all()


def smooth_frame(name: str, orientation: Orientation) -> NativeFrame:
    """Make a frame whose every component is a slow wave of its own."""
    picture = av.VideoFrame(96, 80, name)
    layout = layout_of(name)
    assert layout is not None
    for index, view in enumerate(layout.views(picture)):
        down, across = np.mgrid[0 : 1 : 1j * view.shape[0], 0 : 1 : 1j * view.shape[1]]
        wave = 0.5 + 0.2 * np.sin(5 * across + index) * np.cos(4 * down - index)
        view[...] = np.rint(wave * ((1 << layout.bits) - 1)).astype(view.dtype) << layout.shift
    picture.pts, picture.time_base = 5, Fraction(1, 25)
    return NativeFrame(
        picture, layout, index=0, pts=5, time_base=Fraction(1, 25), orientation=orientation
    )


@pytest.mark.parametrize(
    ("name", "orientation"),
    [
        *((name, Orientation()) for name in FORMATS),
        *(("yuv420p", Orientation(*bits)) for bits in product((False, True), repeat=3)),
    ],
    ids=str,
)
def test_a_crop_is_what_resampling_the_region_in_rgb_gives(
    name: str, orientation: Orientation
) -> None:
    frame = smooth_frame(name, orientation)
    for scale, turn, x, y in ((0.4, 0.3, 2.0, 5.0), (1.6, -2.0, 60.0, 90.0)):
        c, s = scale * np.cos(turn), scale * np.sin(turn)
        to_crop = np.array([[c, -s, x], [s, c, y]])

        crop = frame.read_crop(to_crop, 32)

        in_rgb = ArrayFrame.read_crop(frame, to_crop, 32)
        difference = np.abs(crop.astype(int) - in_rgb)
        assert in_rgb.std() > 1
        assert difference.mean() < 1
        # In RGB what lies beyond white or black is cut off before it is averaged.
        assert difference.max() <= 8
