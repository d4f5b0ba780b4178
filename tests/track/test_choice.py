import pytest

from facemask_video.config import SelectConfig
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import TrackedFace, TrackedFrame, TrackId
from facemask_video.track import SelectFaces
from tests.track.drawn import Place, TimedFrame, detection


def face(number: int, width: float) -> TrackedFace:
    found = detection(Place(200, 200, width))
    return TrackedFace(TrackId.from_number(number), found.box, found.landmarks, 0.9, observed=True)


def chosen(
    choice: str, *frames: list[tuple[int, float]], max_faces: int | None = None
) -> list[list[int]]:
    items = [
        TrackedFrame(TimedFrame(index, index / 25), tuple(face(*each) for each in faces))
        for index, faces in enumerate(frames)
    ]
    select = SelectFaces(SelectConfig(faces=choice, max_faces=max_faces))
    return [[each.track_id.number for each in item.faces] for item in select(items)]


def test_all_keeps_every_face() -> None:
    assert chosen("all", [(0, 50), (1, 80)], []) == [[0, 1], []]


def test_tracks_are_chosen_by_number() -> None:
    assert chosen("track:1,7", [(0, 50), (1, 80)], [(7, 20)]) == [[1], [7]]


def test_any_number_of_a_person_chooses_all_of_theirs() -> None:
    # As a fresh run numbers them, and as the file of a conversion in which person 1 put a mask on.
    later = TrackId(1, part=1).number
    for choice in ("track:1", f"track:{later}"):
        assert chosen(choice, [(0, 50), (1, 80)], [(1, 80)]) == [[1], [1]]
        assert chosen(choice, [(0, 50), (1, 80)], [(later, 80)]) == [[1], [later]]


def test_largest_stays_with_its_face_until_another_is_clearly_larger() -> None:
    frames = [[(0, 80), (1, 70)], [(0, 80), (1, 95)], [(0, 80), (1, 110)], [(0, 100), (1, 100)]]
    assert chosen("largest", *frames) == [[0], [0], [1], [1]]


def test_max_faces_keeps_the_largest_in_their_order() -> None:
    assert chosen("all", [(0, 50), (1, 80), (2, 70)], max_faces=2) == [[1, 2]]


@pytest.mark.parametrize("text", ["", "some", "track:", "track:a", "track:-1"])
def test_an_unknown_choice_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected all, largest or track"):
        SelectConfig(faces=text)
