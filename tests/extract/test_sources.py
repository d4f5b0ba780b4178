from pathlib import Path

from facemask_video.extract.sources import find_sources


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_folders_are_listed_in_a_fixed_order_without_what_is_no_picture_or_video(
    tmp_path: Path,
) -> None:
    root = tmp_path / "in"
    _touch(
        root / "b.mp4", root / "a.JPG", root / "sub" / "c.png", root / "notes.txt",
        root / ".hidden.png", root / ".git" / "d.png",
    )  # fmt: skip

    found, passed_over = find_sources([root], leave_out=tmp_path / "out")

    assert [source.name for source in found] == ["in/a.JPG", "in/b.mp4", "in/sub/c.png"]
    assert [source.is_picture for source in found] == [True, False, True]
    assert passed_over == {".txt": 1}


def test_the_set_itself_is_never_looked_into(tmp_path: Path) -> None:
    _touch(tmp_path / "a.png", tmp_path / "set" / "crops" / "b.png")

    found, _ = find_sources([tmp_path], leave_out=tmp_path / "set")

    assert [source.path.name for source in found] == ["a.png"]


def test_a_file_named_twice_is_listed_once_and_a_missing_one_all_the_same(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")

    found, _ = find_sources(
        [tmp_path / "a.mp4", tmp_path / "link.mp4", tmp_path / "nowhere.mp4", tmp_path],
        leave_out=tmp_path / "out",
    )

    assert [source.path.name for source in found] == ["a.mp4", "nowhere.mp4"]
