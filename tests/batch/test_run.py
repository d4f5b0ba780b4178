import dataclasses
import os
import resource
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from facemask_video.batch import ledger as ledgers
from facemask_video.batch.ledger import OWN_FOLDER, Ledger, read_ledger
from facemask_video.batch.plan import make_batch_plan
from facemask_video.batch.run import BatchEvent, enter, run_batch
from facemask_video.batch.task import Died, Event, Finished, Outcome, Task
from facemask_video.config import (
    BatchConfig,
    BatchInputConfig,
    BatchOutputConfig,
    BatchRunConfig,
    SourceConfig,
    VideoConfig,
)
from facemask_video.core.errors import BatchError
from facemask_video.core.pictures import write_picture
from tests.batch.inline import InlineWorkers, converting, dying, pretending, run
from tests.fakes import fake_frames
from tests.synthetic import encode_clip, moving_square_frames


def how(config: BatchConfig, **options: object) -> BatchConfig:
    return dataclasses.replace(config, run=BatchRunConfig(**options))


def encrypt(clip: Path, target: Path) -> None:
    """Write a clip whose packets cannot be read without a key."""
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 32}
    options = {**key, "encryption_kid": "1" * 32}
    with av.open(str(clip)) as given, av.open(str(target), "w", options=options) as output:
        video = output.add_stream_from_template(given.streams.video[0], opaque=True)
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = video
                output.mux(packet)


def write_tone(path: Path) -> None:
    """Write a file of sound alone."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())


def results(folder: Path) -> list[str]:
    """Return all files but the batch's own."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.parts[0] != OWN_FOLDER)


def test_clips_are_converted_and_what_is_broken_is_a_row_with_its_reason(
    config: BatchConfig, tmp_path: Path
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    encode_clip(source / "a.mp4")
    encode_clip(source / "b.mkv")
    (source / "c.mp4").write_bytes(b"")
    (source / "d.mp4").write_bytes((source / "a.mp4").read_bytes()[:2000])
    encrypt(source / "a.mp4", source / "e.mp4")
    write_tone(source / "f.mp4")

    report = run([source], out, config, converting(config))

    assert [row.state for row in report.rows] == ["done", "done", *["failed"] * 4]
    assert results(out) == ["a_masked.mp4", "b_masked.mkv"]
    reasons = ("is empty", "only data", "is encrypted", "only audio")
    for row, reason in zip(report.rows[2:], reasons, strict=True):
        assert (row.error or "").startswith(f"{row.source}: ")
        assert reason in (row.error or "")
    done = report.rows[0].report
    assert done is not None
    assert (done["frames"], done["faces_changed"]) == (20, 20)
    assert report.lines()[0].startswith("6 files: 2 done, 4 failed")
    with Ledger(out) as ledger:
        before, after = ledger.posters(report.rows[0].target)
    assert before is not None
    assert after is not None
    assert before[:2] == after[:2] == b"\xff\xd8"
    assert before != after


def test_a_disk_that_is_full_half_way_fails_a_file_and_not_the_batch(
    config: BatchConfig, tmp_path: Path
) -> None:
    """A limit on file size stands in for the full disk: writes fail the same way."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    noise = fake_frames(120, width_px=64, height_px=48)
    encode_clip(source / "a.mkv", [frame.image for frame in noise])
    encode_clip(source / "b.mkv")
    lossless = dataclasses.replace(config, video=VideoConfig(encoder="ffv1"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        report = run([source], out, lossless, converting(lossless))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert [row.state for row in report.rows] == ["failed", "done"]
    assert "check free space" in (report.rows[0].error or "")
    assert results(out) == ["b_masked.mkv"]
    assert run([source], out, lossless, converting(lossless)).done == 2


def test_what_is_finished_is_not_done_again(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    run([clips], tmp_path / "out", config)
    did: list[Task] = []

    def noting(task: Task) -> Outcome:
        did.append(task)
        return pretending(task)

    assert run([clips], tmp_path / "out", config, noting).earlier == 4
    assert did == []

    (clips / "b.mp4").write_text("another")
    run([clips], tmp_path / "out", config, noting)
    assert [task.source.name for task in did] == ["b.mp4"]
    assert (tmp_path / "out" / "b_masked.mp4").read_text() == "result of another"


@pytest.mark.parametrize("change", ["options", "weights", "output", "touched"])
def test_a_change_of_options_weights_or_files_has_it_done_again(
    clips: Path, config: BatchConfig, tmp_path: Path, change: str
) -> None:
    out, source = tmp_path / "out", clips / "b.mp4"
    run([source], out, config)
    if change == "options":
        config = dataclasses.replace(
            config, composite=dataclasses.replace(config.composite, coverage=0.5)
        )
    elif change == "weights":
        assert config.translate.weights is not None
        config.translate.weights.write_bytes(b"other weights")
    elif change == "output":
        (out / "b_masked.mp4").unlink()
    else:
        os.utime(source, ns=(1, 1))

    report = run([source], out, config)

    assert report.earlier == 0
    assert report.done == 1
    assert results(out) == ["b_masked.mp4"]


def test_a_file_that_the_batch_did_not_make_is_not_replaced(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b_masked.mp4").write_text("mine")

    report = run([clips / "b.mp4"], out, config)

    assert report.failed == 1
    assert "pass --overwrite (-y)" in (report.rows[0].error or "")
    assert (out / "b_masked.mp4").read_text() == "mine"
    again = run([clips / "b.mp4"], out, config)
    assert again.failed == 1

    allowed = dataclasses.replace(config, output=BatchOutputConfig(overwrite=True))
    assert run([clips / "b.mp4"], out, allowed).done == 1
    assert (out / "b_masked.mp4").read_text() == "result of b.mp4"


def test_a_result_that_was_changed_by_hand_is_not_replaced(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run([clips / "b.mp4"], out, config)
    (out / "b_masked.mp4").write_text("cut by hand")

    report = run([clips / "b.mp4"], out, config)

    assert report.failed == 1
    assert (out / "b_masked.mp4").read_text() == "cut by hand"


def test_a_file_whose_process_dies_is_tried_again_and_then_failed_with_the_reason(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    events: list[BatchEvent] = []
    died: set[str] = set()

    def dies_once(task: Task) -> Outcome | Event:
        if task.source.name == "b.mp4" or task.source.name not in died:
            died.add(task.source.name)
            part = task.target.with_name(f".{task.target.name}.1000000.part")
            part.parent.mkdir(parents=True, exist_ok=True)
            part.touch()
            return dying(task)
        return pretending(task)

    report = run([clips], tmp_path / "out", how(config, retries=1), dies_once, events)

    assert [row.state for row in report.rows] == ["done", "failed", "done", "done"]
    assert report.rows[1].error == "its process was ended by SIGKILL (tried 2 times)"
    assert [event.event for event in events].count("retry") == 4
    assert len(results(tmp_path / "out")) == 3


def test_a_file_that_is_at_fault_is_tried_once_a_call(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    tried: list[str] = []

    def fails(task: Task) -> Outcome:
        tried.append(task.source.name)
        return Outcome("failed", why="is broken")

    run([clips / "b.mp4"], tmp_path / "out", how(config, retries=5), fails)
    assert tried == ["b.mp4"]
    assert run([clips / "b.mp4"], tmp_path / "out", config).done == 1


def test_on_error_stop_ends_after_the_first_failure(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    report = run(
        [clips],
        tmp_path / "out",
        how(config, on_error="stop"),
        lambda task: Outcome("failed", why="is broken"),
    )

    assert [row.state for row in report.rows] == ["failed", "planned", "planned", "planned"]
    assert report.stopped
    missing = run([clips / "none.mp4", clips], tmp_path / "o2", how(config, on_error="stop"))
    assert [row.state for row in missing.rows] == ["failed", *["planned"] * 4]
    assert "3 left to do" in report.lines()[0]


def test_a_limit_leaves_the_rest_for_the_next_call(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    limited = dataclasses.replace(config, inputs=BatchInputConfig(limit=3))

    assert run([clips], tmp_path / "out", limited).done == 3
    assert run([clips], tmp_path / "out", limited).done == 4


def test_a_timeout_ends_a_file_and_not_the_batch(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    def slow(task: Task) -> Outcome | Event:
        if task.source.name == "b.mp4":
            time.sleep(0.02)
            return Died(9, "of another place, which is no news")
        return pretending(task)

    report = run([clips], tmp_path / "out", how(config, timeout_s=0.01), slow)

    assert report.rows[1].state == "failed"
    assert "took longer than --timeout, 0.01 s" in (report.rows[1].error or "")
    assert report.done == 3


def test_what_a_killed_run_left_is_removed_and_done(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = make_batch_plan([clips / "b.mp4"], out, config)
    ledger = Ledger(out)
    enter(plan, config, ledger)
    ledger.claim(plan.jobs[0].target, pid=4321)
    (out / ".b_masked.mp4.4321.part").touch()
    (out / ".b_masked.mp4.1234.part").touch()
    # The system closes what a killed process had open, and removes nothing.
    ledger._database.close()
    os.close(ledger.lock.fd)

    report = run([clips / "b.mp4"], out, config)

    assert report.done == 1
    assert results(out) == [".b_masked.mp4.1234.part", "b_masked.mp4"]
    assert [path.name for path in (out / OWN_FOLDER).glob("*.lock")] == []


def test_a_run_that_was_killed_after_its_result_got_its_name_may_replace_it(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = make_batch_plan([clips / "b.mp4"], out, config)
    with Ledger(out) as ledger:
        enter(plan, config, ledger)
        ledger.claim(plan.jobs[0].target, pid=4321)
        (out / "b_masked.mp4").write_text("whole")

    assert run([clips / "b.mp4"], out, config).done == 1


def test_two_batches_on_one_folder_share_the_work(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    did: list[str] = []

    def outer(task: Task) -> Outcome:
        if not did:
            # The other batch has all but this one to itself, and leaves this one alone.
            did.append(task.source.name)
            limited = dataclasses.replace(config, inputs=BatchInputConfig(limit=2))
            plan = make_batch_plan([clips], out, limited)
            with Ledger(out) as ledger:
                decisions = [decision for _, decision in enter(plan, limited, ledger)]
                assert decisions == ["elsewhere", "do", "do", "do"]
                assert ledger.claim(plan.jobs[1].target, pid=1)
                assert not ledger.claim(plan.jobs[0].target, pid=1)
                (out / "b_masked.mp4").write_text("by the other")
                ledger.finish(plan.jobs[1].target, {"frames": 7})
        else:
            did.append(task.source.name)
        return pretending(task)

    report = run([clips], out, config, outer)

    assert report.done == 4
    assert did == ["a.MOV", "a.mp4", "c.flv"]
    assert (out / "b_masked.mp4").read_text() == "by the other"


def test_a_lease_that_ran_out_is_free(
    clips: Path, config: BatchConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    plan = make_batch_plan([clips / "b.mp4"], out, config)
    with Ledger(out) as first, Ledger(out) as second:
        enter(plan, config, first)
        assert first.claim(plan.jobs[0].target, pid=1)
        assert not second.claim(plan.jobs[0].target, pid=2)
        monkeypatch.setattr(ledgers, "LEASE_S", -1.0)
        first.beat({})
        assert second.claim(plan.jobs[0].target, pid=2)


def test_a_removed_folder_ends_the_batch_with_one_line(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    def removing(task: Task) -> Outcome:
        outcome = pretending(task)
        (tmp_path / "out").rename(tmp_path / "moved")
        return outcome

    with pytest.raises(BatchError, match="was removed or replaced"):
        run([clips], tmp_path / "out", config, removing)


def test_a_row_says_how_far_it_is_while_others_read(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = make_batch_plan([clips / "b.mp4"], out, config)
    with Ledger(out) as ledger:
        enter(plan, config, ledger)
        ledger.claim(plan.jobs[0].target, pid=1)
        ledger.beat({plan.jobs[0].target: (5, 20)})
        [row] = read_ledger(out)

    assert (row.state, row.frames_done, row.frames_total) == ("running", 5, 20)


def test_names_of_any_bytes_come_through_the_ledger(config: BatchConfig, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in (b"caf\xe9.mp4", b"a\nb.mp4", b"-x.mp4"):
        (folder / os.fsdecode(name)).touch()

    report = run([folder], tmp_path / "out", config)

    assert report.done == 3
    assert {os.fsencode(row.target) for row in read_ledger(tmp_path / "out")} == {
        b"caf\xe9_masked.mp4", b"a\nb_masked.mp4", b"-x_masked.mp4"
    }  # fmt: skip


def test_hooks_get_names_in_their_environment_and_no_shell_reads_them(
    config: BatchConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "$(touch owned);'.mp4").touch()
    script = tmp_path / "hook.py"
    script.write_text(
        "import os, sys\n"
        "open(sys.argv[1], 'a').write(os.environ['FACEMASK_SOURCE'] + os.environ['FACEMASK_STATE'])"
    )
    command = f"{sys.executable} -S {script} '{tmp_path}/said by hook'"

    report = run([folder], tmp_path / "out", how(config, on_each=command))

    assert report.notes == ()
    said = (tmp_path / "said by hook").read_text()
    assert said == f"{folder}/$(touch owned);'.mp4done"


def test_a_hook_that_fails_is_told_of(clips: Path, config: BatchConfig, tmp_path: Path) -> None:
    report = run([clips / "b.mp4"], tmp_path / "out", how(config, on_each="/nowhere/cmd x"))

    assert report.done == 1
    assert "cannot be run" in report.notes[0]


def test_where_memory_is_short_the_largest_file_waits_without_an_attempt(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    events: list[BatchEvent] = []

    def idle(task: Task) -> Outcome | Event:
        if not any(event.event == "retry" for event in events):
            # Still at work when memory is looked at.
            return Died(9, "of another place, which is no news")
        return pretending(task)

    report = run(
        [clips], tmp_path / "out", how(config, retries=0), idle, events, large=[(0, False)]
    )

    assert report.done == 4
    assert [event.event for event in events].count("retry") == 1
    assert report.rows[0].attempts == 1


def test_a_file_that_takes_more_memory_than_there_is_alone_is_failed(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    report = run(
        [clips / "b.mp4"],
        tmp_path / "out",
        config,
        lambda task: Died(9, "of another place, which is no news"),
        large=[(0, True)],
    )

    assert "takes more memory than there is" in (report.rows[0].error or "")


def test_an_interruption_after_the_result_got_its_name_does_not_lock_the_file_out(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    def interrupted(task: Task) -> Outcome:
        pretending(task)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([clips / "b.mp4"], tmp_path / "out", config, interrupted)

    [row] = read_ledger(tmp_path / "out")
    assert row.state == "planned"
    assert run([clips / "b.mp4"], tmp_path / "out", config).done == 1


def test_what_ended_while_the_batch_was_interrupted_is_noted(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    workers = InlineWorkers(pretending)

    def interrupted(task: Task) -> Outcome:
        workers.late.append(Finished(0, pretending(task)))
        raise KeyboardInterrupt

    workers.do = interrupted
    plan = make_batch_plan([clips / "b.mp4"], tmp_path / "out", config)
    with Ledger(tmp_path / "out") as ledger, pytest.raises(KeyboardInterrupt):
        run_batch(plan, config, ledger, lambda files: workers)

    assert run([clips / "b.mp4"], tmp_path / "out", config).earlier == 1


def test_a_folder_of_frames_becomes_a_folder_of_frames_once(
    config: BatchConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "shot"
    folder.mkdir()
    for number, frame in enumerate(moving_square_frames(3)):
        write_picture(folder / f"{number:03d}.png", frame)
    as_clip = dataclasses.replace(config, source=SourceConfig(frames="25"))

    report = run([folder], tmp_path / "out", as_clip, converting(as_clip))

    assert report.done == 1, report.rows[0].error
    assert results(tmp_path / "out") == [f"shot_masked/{n:03d}.png" for n in range(3)]
    assert run([folder], tmp_path / "out", as_clip).earlier == 1
    write_picture(folder / "001.png", moving_square_frames(9)[8])
    assert run([folder], tmp_path / "out", as_clip, converting(as_clip)).earlier == 0
