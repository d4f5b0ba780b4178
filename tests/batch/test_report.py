import dataclasses
import json
import os
from html.parser import HTMLParser
from pathlib import Path

from facemask_video.batch.ledger import Ledger
from facemask_video.batch.plan import make_batch_plan
from facemask_video.batch.report import REPORT, write_report
from facemask_video.batch.run import BatchEvent, BatchReport, enter
from facemask_video.batch.status import describe_status
from facemask_video.batch.task import Outcome, Task
from facemask_video.config import BatchConfig, BatchInputConfig
from tests.batch.inline import converting, pretending, run
from tests.synthetic import encode_clip


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(report: BatchReport) -> _Page:
    with Ledger(report.folder) as ledger:
        path = write_report(report, ledger)
    assert path is not None
    return _Page(path.read_text("utf-8"))


def test_the_report_shows_each_file_before_and_after_with_its_figures(
    config: BatchConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    encode_clip(folder / "a.mp4")
    (folder / "b.mp4").write_text("no video")

    page = _page(run([folder], tmp_path / "out", config, converting(config)))

    assert page.tags.count("img") == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert "a_masked.mp4" in page.text
    assert "is not a video" in page.text
    assert page.text.count(str(folder / "b.mp4")) == 1


def test_names_are_escaped_and_nothing_is_fetched(config: BatchConfig, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"<script>alert(1)<\\x>.mp4", b"caf\xe9.mp4", b"a\nb.mp4"):
        (folder / os.fsdecode(name)).touch()

    page = _page(
        run(
            [folder],
            tmp_path / "out",
            config,
            lambda task: Outcome("failed", why=f"{task.source}: <b>no</b>"),
        )
    )

    assert not {"script", "link", "iframe", "b"} & set(page.tags)
    assert "<script>alert(1)<\\x>_masked.mp4" in page.text
    assert "caf\\xe9_masked.mp4" in page.text
    assert page.sources == []


def test_a_page_of_the_users_is_left_alone(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    report = run([clips], tmp_path / "out", config)
    (tmp_path / "out" / REPORT).write_text("<p>mine")

    with Ledger(report.folder) as ledger:
        assert write_report(report, ledger) is None
    assert (tmp_path / "out" / REPORT).read_text() == "<p>mine"


def test_status_tells_what_runs_what_failed_and_what_was_interrupted(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = make_batch_plan([clips], out, config)
    first = Ledger(out)
    enter(plan, config, first)
    first.claim(plan.jobs[0].target, pid=1)
    first._database.close()
    os.close(first.lock.fd)
    with Ledger(out) as ledger:
        ledger.claim(plan.jobs[1].target, pid=77)
        ledger.beat({plan.jobs[1].target: (5, 20)})
        ledger.claim(plan.jobs[2].target, pid=78)
        ledger.give_up(plan.jobs[2].target, "is broken")

        lines = list(describe_status(out))

    assert "b_masked.mp4: 5 of 20 frames in 0:00:00, by " in lines[0]
    assert lines[0].endswith("process 77")
    assert lines[1] == "failed       cam1/a_masked.mp4: is broken"
    assert lines[2] == "4 files: 1 being done, 1 to do, 1 interrupted, 1 failed"


def test_events_say_how_much_is_done_and_left(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    events: list[BatchEvent] = []

    def do(task: Task) -> Outcome:
        return pretending(task)

    run([clips], tmp_path / "out", config, do, events)

    ends = [event for event in events if event.event == "done"]
    assert [event.ended for event in ends] == [1, 2, 3, 4]
    assert ends[-1].bytes_done == ends[-1].bytes_total > 0
    assert ends[0].eta_s is not None
    assert ends[-1].eta_s == 0
    assert json.dumps([dataclasses.asdict(event) for event in events])


def test_each_shard_has_a_ledger_of_its_own_and_status_tells_of_all(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for number in (1, 2):
        part = dataclasses.replace(config, inputs=BatchInputConfig(shard=f"{number}/2"))
        plan = make_batch_plan([clips], out, part)
        with Ledger(out, (number, 2)) as ledger:
            enter(plan, part, ledger)

    names = sorted(path.name for path in (out / ".facemask").glob("*.sqlite3"))
    assert names == ["ledger-1-of-2.sqlite3", "ledger-2-of-2.sqlite3"]
    assert list(describe_status(out))[-1] == "4 files: 4 to do"
