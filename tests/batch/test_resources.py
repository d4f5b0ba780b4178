import os

from facemask_video.batch.resources import auto_jobs, memory_for_workers, processors, taken_bytes


def test_what_processes_take_is_weighed_only_where_it_may_be_too_much() -> None:
    own = os.getpid()

    weighed = taken_bytes([own], 0)[own]

    assert 2**20 < weighed < 2**36
    assert taken_bytes([own], 2**40) == {own: 0}
    # A process that has ended takes nothing.
    assert taken_bytes([2**22 + 1], -1) == {2**22 + 1: 0}


def test_jobs_go_by_processors_files_and_memory() -> None:
    assert auto_jobs(1000, None) == processors()
    assert auto_jobs(1, None) == 1
    assert auto_jobs(1000, 10**9) == 1
    assert auto_jobs(1000, 2**60) == processors()


def test_some_memory_is_for_workers() -> None:
    free = memory_for_workers()

    assert free is None or 0 < free < 2**50
