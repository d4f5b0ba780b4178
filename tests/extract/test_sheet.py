import html
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from facemask_video.extract.sheet import write_sheet, write_thumbnail
from tests.extract.rows import make_row


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def _parsed(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    return page


def test_every_crop_is_shown_under_what_became_of_it(tmp_path: Path) -> None:
    rows = [
        make_row(0),
        make_row(1, domain="masked"),
        make_row(2, rejected=("blurred", "small"), file=None),
        make_row(3, rejected=("blurred",), file=None),
    ]
    for row in rows:
        write_thumbnail(tmp_path, row.crop, np.full((256, 256, 3), 90, np.uint8))

    page = _parsed(write_sheet(tmp_path, rows))

    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections == ["bare", "masked", "blurred"]
    assert page.count("figure") == page.count("img") == 4
    assert sum("rejected: blurred, small" in str(a.get("title")) for _, a in page.tags) == 1


def test_the_page_fetches_and_runs_nothing(tmp_path: Path) -> None:
    row = make_row(source='<script>alert(1)</script>"x.mp4')
    write_thumbnail(tmp_path, row.crop, np.zeros((64, 64, 3), np.uint8))

    path = write_sheet(tmp_path, [row])

    page = _parsed(path)
    assert page.count("script") == page.count("link") == 0
    for _, attrs in page.tags:
        assert str(attrs.get("src", "data:")).startswith("data:")
        assert str(attrs.get("href", "#")).startswith(("#", "crops/"))
    assert "http" not in path.read_text("utf-8")


def test_a_kept_crop_opens_large_and_its_whole_name_can_be_read(tmp_path: Path) -> None:
    source = "holiday films/a very long name of a clip & more, taken in summer.mp4"
    rows = [
        make_row(1234, source=source),
        make_row(2, rejected=("blurred",), file="rejected/crops/clip-0123456789/f000002-t0000.png"),
        make_row(3, rejected=("blurred",), file=None),
    ]
    for row in rows:
        write_thumbnail(tmp_path, row.crop, np.zeros((64, 64, 3), np.uint8))

    path = write_sheet(tmp_path, rows)

    opens = [a["href"] for tag, a in _parsed(path).tags if tag == "a" and "target" in a]
    assert opens == [row.file for row in rows if row.file is not None]
    assert f"<br>{html.escape(source)}, frame 1234<" in path.read_text("utf-8")
    assert "ellipsis" not in path.read_text("utf-8")


def test_a_picture_that_is_gone_is_said(tmp_path: Path) -> None:
    page = write_sheet(tmp_path, [make_row(0)]).read_text("utf-8")

    assert "no picture" in page


def test_a_large_set_shows_a_share_of_each_kind_and_says_so(tmp_path: Path) -> None:
    rows = [make_row(frame, rejected=("small",) if frame % 4 else ()) for frame in range(40)]

    path = write_sheet(tmp_path, rows, most=10)

    assert _parsed(path).count("figure") == 10
    assert "10, 2 shown" in path.read_text("utf-8")
    assert "30, 8 shown" in path.read_text("utf-8")
