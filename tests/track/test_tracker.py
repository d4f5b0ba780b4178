"""Who is who, who is there, and for how long."""

import gc
from fractions import Fraction

import numpy as np
import pytest

from facemask_video.config import DetectConfig, TrackConfig
from facemask_video.core.faces import DetectedFrame, Detection, TrackedFace
from facemask_video.core.geometry import overlap_coefficient
from facemask_video.track import Tracker, TrackFaces, association
from tests.fakes import ArrayFrame
from tests.track.drawn import Place, TimedFrame, centre, detection, times, track

RNG_SEED = 11


def test_crossing_people_keep_their_identities() -> None:
    at_s = times("30", 90)
    rng = np.random.default_rng(RNG_SEED)
    seen = []
    for t in at_s:
        right, left = Place(100 + 160 * t, 200), Place(580 - 160 * t, 215)
        both = [detection(right, rng, noise=0.006), detection(left, rng, noise=0.006)]
        # Whoever is behind is not seen while the other covers him.
        seen.append(both[:1] if abs(right.x - left.x) < 60 else both)
    faces = track(seen, at_s)
    assert {face.track_id.person for found in faces for face in found} == {0, 1}
    for t, found in zip(at_s, faces, strict=True):
        assert len(found) == 2
        by_id = {face.track_id.person: centre(face.landmarks)[0] for face in found}
        first = 0 if centre(faces[0][0].landmarks)[0] < 300 else 1
        assert abs(by_id[first] - (100 + 160 * t)) < 12
        assert abs(by_id[1 - first] - (580 - 160 * t)) < 12


@pytest.mark.parametrize("appearance_counts", [True, False], ids=["appearance", "boxes alone"])
def test_people_who_meet_and_turn_back_are_told_apart_by_their_appearance(
    appearance_counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not appearance_counts:
        monkeypatch.setattr(association, "APPEARANCE_WEIGHT", 0.0)
    colours = np.array([[200, 60, 50], [40, 80, 190]], np.uint8)
    rng = np.random.default_rng(RNG_SEED)
    items, truth = [], []
    for index, t in enumerate(times("30", 80)):
        # They run into each other and bounce back, which no filter predicts.
        apart = 300 * abs(t - 1.2) + 12
        places = [Place(400 - apart, 300), Place(400 + apart, 304)]
        image = np.full((600, 800, 3), 120, np.uint8)
        for place, colour in zip(places[::-1], colours[::-1], strict=True):
            x, y = int(place.x), int(place.y)
            image[y - 90 : y + 200, max(0, x - 70) : x + 70] = colour
        # The first stands in front of the second while they overlap.
        seen = [detection(place, rng, noise=0.006) for place in places]
        frame = ArrayFrame(image, index, index, Fraction(1, 30))
        items.append(DetectedFrame(frame, tuple(seen[:1] if apart < 45 else seen)))
        truth.append(places)
    out = list(TrackFaces(TrackConfig(), DetectConfig())(items))
    ends = [
        {face.track_id.person: centre(face.landmarks)[0] for face in out[at].faces}
        for at in (0, -1)
    ]
    places_of_ids = [
        [abs(ends[at][person] - truth[at][person].x) < 20 for person in (0, 1)] for at in (0, -1)
    ]
    assert places_of_ids == [[True, True], [appearance_counts, appearance_counts]]
    assert all({face.track_id.person for face in item.faces} == {0, 1} for item in out)


def test_occlusion_of_half_a_second_is_bridged_with_the_same_number() -> None:
    at_s = times("30", 80)
    seen = [
        [] if 30 <= index < 45 else [detection(Place(100 + 120 * t, 200))]
        for index, t in enumerate(at_s)
    ]
    faces = track(seen, at_s)
    assert [tuple(face.track_id.person for face in found) for found in faces] == [(0,)] * 80
    assert [found[0].observed for found in faces] == [not 30 <= i < 45 for i in range(80)]
    for t, (face,) in zip(at_s, faces, strict=True):
        assert abs(centre(face.landmarks)[0] - (100 + 120 * t)) < 1.5


HIDDEN = range(30, 46)


@pytest.mark.parametrize("way", [-1, 1])
def test_a_face_that_goes_behind_another_keeps_its_way(way: int) -> None:
    at_s = times("25", 80)
    seen, truth = [], []
    for t in at_s:
        hidden, front = Place(400 - way * 110 * t, 200), Place(400 + way * (110 * t - 350), 200)
        apart = abs(hidden.x - front.x)
        truth.append(hidden.x)
        # What can still be seen of it draws its landmarks away from the one in front.
        edge = Place(hidden.x + way * max(0.0, 20 - apart / 5), 200)
        score = 0.99 if apart > 90 else 0.6
        found = [detection(front), detection(edge, score=score)]
        seen.append(found if apart > 50 else found[:1])

    faces = track(seen, at_s)

    for x, tracked in zip(truth, faces, strict=True):
        assert min(abs(centre(face.landmarks)[0] - x) for face in tracked) < 12


@pytest.mark.parametrize("score", [0.99, 0.65])
def test_a_face_alone_is_followed_closely_however_low_its_scores(score: float) -> None:
    at_s = times("25", 75)
    # Sure in the first frame, so that it is confirmed.
    seen = [
        [detection(Place(300 + 60 * np.sin(5 * t), 200), score=0.99 if index == 0 else score)]
        for index, t in enumerate(at_s)
    ]

    faces = track(seen, at_s, threshold=0.6)

    off = [
        centre(found[0].landmarks)[0] - centre(there[0].landmarks)[0]
        for found, there in zip(faces, seen, strict=True)
    ]
    assert np.abs(off).max() < 2.5


def braking(t: float) -> float:
    """Return the x of a walker who seems to stand for a fifth of a second before he is hidden.

    So the prediction stays behind, out of reach of where he comes forth.
    """
    return 100 + 230 * (min(t, 0.8) if t < 1.0 else t)


def seen_of_braking(
    at_s: list[float], hidden: range = HIDDEN, *, score: float = 0.99
) -> list[list[Detection]]:
    return [
        [] if index in hidden else [detection(Place(braking(t), 200, 60), score=score)]
        for index, t in enumerate(at_s)
    ]


def ids(faces: list[tuple[TrackedFace, ...]]) -> list[list[int]]:
    return [sorted(face.track_id.person for face in found) for found in faces]


@pytest.mark.parametrize("smoothing", ["kalman", "ema", "none"])
def test_who_seems_to_brake_before_he_is_hidden_is_the_same_after(smoothing: str) -> None:
    at_s = times("30", 80)

    faces = track(seen_of_braking(at_s), at_s, smoothing=smoothing)

    assert ids(faces) == [[0]] * 80
    assert [found[0].observed for found in faces] == [index not in HIDDEN for index in range(80)]
    xs = np.array([centre(found[0].landmarks)[0] for found in faces])
    # He is carried across the gap in even steps, whatever he is smoothed by.
    steps = np.diff(xs[29:47])
    assert np.allclose(steps, steps.mean(), atol=1.5)


@pytest.mark.parametrize(("rate", "gap"), [("60", 29), ("60", 24), ("30", 25), ("30", 29)])
def test_a_gap_is_filled_as_a_whole_or_not_at_all(rate: str, gap: int) -> None:
    first = int(rate)
    at_s = times(rate, 3 * first)

    faces = track(seen_of_braking(at_s, range(first, first + gap)), at_s)

    there = {len(found) for found in faces[first : first + gap]}
    assert len(there) == 1
    assert {number for found in ids(faces) for number in found} == {0}


def test_who_is_confirmed_late_is_still_the_lost_one() -> None:
    at_s = times("30", 90)
    seen = seen_of_braking(at_s, range(30, 50))
    for index in range(50, 58):
        seen[index] = [detection(Place(braking(at_s[index]), 200, 60), score=0.7)]

    faces = track(seen, at_s)

    assert {number for found in ids(faces) for number in found} == {0}


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_stranger_beside_does_not_become_the_lost_one(ahead: int) -> None:
    at_s = times("30", 80)
    seen = seen_of_braking(at_s, score=0.98)
    for index in range(HIDDEN.stop - ahead, 80):
        seen[index].append(detection(Place(braking(at_s[index]) + 20, 140, 60), score=0.99))

    faces = track(seen, at_s)

    for index in range(HIDDEN.stop, 80):
        walker, stranger = sorted(faces[index], key=lambda face: face.track_id)
        assert (walker.track_id.person, stranger.track_id.person) == (0, 1)
        assert centre(walker.landmarks)[1] > centre(stranger.landmarks)[1] + 40


def test_nobody_goes_on_into_the_next_shot() -> None:
    at_s = times("30", 80)

    faces = track(seen_of_braking(at_s), at_s, starts=[40])

    assert ids(faces) == [[0]] * 30 + [[]] * 16 + [[1]] * 34


@pytest.mark.parametrize("smoothing", ["kalman", "ema", "none"])
def test_a_gap_beyond_the_look_ahead_is_left_open_in_every_frame(smoothing: str) -> None:
    seen = [[] if 20 <= i < 45 else [detection(Place(200, 200))] for i in range(70)]
    faces = track(seen, times("30", 70), smoothing=smoothing, look_ahead=12)
    assert [len(found) for found in faces] == [int(not 20 <= i < 45) for i in range(70)]
    assert {face.track_id.person for found in faces for face in found} == {0}


def test_a_face_away_for_longer_than_the_bridge_is_somebody_new() -> None:
    seen = [[] if 20 <= i < 45 else [detection(Place(200, 200))] for i in range(70)]
    faces = track(seen, times("30", 70), bridge_s=0.5)
    ids = [tuple(face.track_id.person for face in found) for found in faces]
    assert ids == [(0,)] * 20 + [()] * 25 + [(1,)] * 25


def test_a_shot_boundary_ends_every_track() -> None:
    seen = [[detection(Place(200, 200))]] * 40
    faces = track(seen, times("25", 40), starts=[17])
    assert [found[0].track_id.person for found in faces] == [0] * 17 + [1] * 23


def test_enter_and_leave_are_exact() -> None:
    seen = [[detection(Place(200, 200))] if 13 <= i < 37 else [] for i in range(60)]
    faces = track(seen, times("30", 60))
    assert [len(found) for found in faces] == [int(13 <= i < 37) for i in range(60)]


@pytest.mark.parametrize("rate", ["120", "200", "240", "480", "1000"])
@pytest.mark.parametrize("begins", [0, 50])
def test_at_high_frame_rates_a_face_is_followed_from_its_first_frame(
    rate: str, begins: int
) -> None:
    seen = [[detection(Place(200, 200))] if i >= begins else [] for i in range(400)]
    faces = track(seen, times(rate, 400))
    assert [len(found) for found in faces] == [int(i >= begins) for i in range(400)]
    blink = [[detection(Place(200, 200))] if 50 <= i < 60 else [] for i in range(400)]
    assert not any(track(blink, times(rate, 400)))


@pytest.mark.parametrize(("rate", "bridge_s"), [("25", 0.0), ("25", 0.03), ("0.3", 1.0)])
def test_a_bridge_shorter_than_a_frame_still_reaches_the_next_one(
    rate: str, bridge_s: float
) -> None:
    faces = track([[detection(Place(200, 200))]] * 40, times(rate, 40), bridge_s=bridge_s)
    assert [[face.track_id.person for face in found] for found in faces] == [[0]] * 40


def test_a_track_shorter_than_asked_is_dropped_but_not_in_a_shot_as_short() -> None:
    short = [[detection(Place(200, 200))] if 10 <= i < 13 else [] for i in range(40)]
    assert not any(track(short, times("30", 40), min_track_s=0.2))
    assert all(track(short, times("30", 40), min_track_s=0.1)[10:13])
    assert all(track([[detection(Place(200, 200))]] * 2, times("30", 2), min_track_s=0.2))


def test_weak_detections_keep_a_confirmed_track_and_make_none() -> None:
    weak = detection(Place(200, 200), score=0.6)
    strong = detection(Place(200, 200), score=0.98)
    assert not any(track([[weak]] * 40, times("30", 40)))
    faces = track([[weak]] * 3 + [[strong]] * 20 + [[weak]] * 20, times("30", 43))
    assert all(len(found) == 1 for found in faces)
    # One alone, a while before, is no beginning.
    faces = track([[weak], [], [], *[[strong]] * 20], times("30", 23))
    assert [len(found) for found in faces] == [0] * 3 + [1] * 20


def test_what_never_looks_like_a_face_for_certain_is_none() -> None:
    pattern = [[detection(Place(200, 200), score=0.85)]] * 40
    assert not any(track(pattern, times("30", 40)))
    pattern[20] = [detection(Place(200, 200), score=0.95)]
    assert all(track(pattern, times("30", 40)))


def test_small_faces_begin_no_track_but_a_shrinking_one_keeps_its_own() -> None:
    assert not any(track([[detection(Place(99, 99, 25))]] * 20, times("30", 20), min_face_px=35))
    # 35 px square is 31 px wide at the drawn proportions.
    seen = [[detection(Place(99, 99, 33 - 0.2 * i))] for i in range(25)]
    assert all(track(seen, times("30", 25), min_face_px=35))


def test_two_detections_on_one_face_are_one_track() -> None:
    twice = [detection(Place(200, 200), score=0.99), detection(Place(206, 203), score=0.9)]
    faces = track([twice] * 20, times("30", 20))
    assert [len(found) for found in faces] == [1] * 20


def test_a_second_face_seen_in_a_mask_begins_no_track() -> None:
    def seen(face_score: float, mask_score: float) -> list[Detection]:
        places = Place(200, 200, 90), Place(200, 250, 95)
        scores = face_score, mask_score
        return [detection(at, score=score) for at, score in zip(places, scores, strict=True)]

    # Later the mask even looks more like a face than the face does.
    faces = track([seen(0.95, 0.9)] * 10 + [seen(0.85, 0.95)] * 10, times("30", 20))
    assert [len(found) for found in faces] == [1] * 20


@pytest.mark.parametrize(
    ("right", "width", "score", "n_faces"),
    [(5, 78, 0.93, 1), (60, 78, 0.93, 2), (5, 78, 0.99, 2), (5, 110, 0.93, 2)],
    ids=["neck", "beside", "as sure a face", "larger"],
)
def test_a_neck_below_a_mask_begins_no_track(
    right: float, width: float, score: float, n_faces: int
) -> None:
    face = detection(Place(200, 200, 90))
    below = detection(Place(200 + right, 200 + 0.71 * (90 + width) / 1.4, width), score=score)
    assert 0.2 < overlap_coefficient(face.box, below.box) < 0.3 or right > 5

    faces = track([[face]] * 5 + [[face, below]] * 25, times("30", 30))

    assert [len(found) for found in faces] == [1] * 5 + [n_faces] * 25


def test_a_neck_is_recognised_where_the_head_is_tilted() -> None:
    roll = 0.45
    face = detection(Place(200, 200, 90, roll))
    down = 80 * np.array([-np.sin(roll), np.cos(roll)])
    neck = detection(Place(200 + down[0], 200 + down[1], 78, roll), score=0.93)

    faces = track([[face]] * 5 + [[face, neck]] * 25, times("30", 30))

    assert [len(found) for found in faces] == [1] * 30


@pytest.mark.parametrize("look_ahead", [0, 5, 30])
def test_live_frames_are_bounded_by_the_look_ahead(look_ahead: int) -> None:
    gc.collect()
    before = TimedFrame.alive
    source = (
        DetectedFrame(TimedFrame(i, i / 30), (detection(Place(200, 200)),)) for i in range(200)
    )
    most = 0
    for _ in TrackFaces(TrackConfig(look_ahead=look_ahead), DetectConfig())(source):
        most = max(most, TimedFrame.alive - before)
    # The one given out and the one just taken in come on top.
    assert most <= look_ahead + 2


def test_what_a_track_remembers_is_bounded() -> None:
    tracker = Tracker(TrackConfig(look_ahead=10), DetectConfig())
    for index in range(300):
        tracker.push(index / 30, [detection(Place(200, 200))])
        if index >= 10:
            tracker.faces(index - 10)
    assert all(len(each) <= 12 for each in tracker._tracks)
