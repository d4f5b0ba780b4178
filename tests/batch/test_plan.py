import dataclasses
import os
from pathlib import Path

import pytest

from facemask_video.batch.plan import BatchPlan, make_batch_plan
from facemask_video.config import BatchConfig, BatchInputConfig, BatchOutputConfig, SourceConfig
from facemask_video.core.errors import ConfigError


def targets(plan: BatchPlan) -> list[str]:
    return [job.target.as_posix() for job in plan.jobs if not job.problem]


def problems(plan: BatchPlan) -> dict[str, str]:
    return {os.fsdecode(job.name): job.problem for job in plan.jobs if job.problem}


def which(config: BatchConfig, **inputs: object) -> BatchConfig:
    return dataclasses.replace(config, inputs=BatchInputConfig(**inputs))


def test_results_keep_the_folders_of_their_inputs(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    plan = make_batch_plan([clips], tmp_path / "out", config)

    assert targets(plan) == [
        "a_masked.MOV",
        "b_masked.mp4",
        "cam1/a_masked.mp4",
        "cam1/c_masked.mkv",
    ]
    assert plan.jobs[0].source == clips / "a.MOV"


def test_several_folders_keep_their_own_names(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.mp4").touch()

    plan = make_batch_plan([clips / "cam1", other, clips / "b.mp4"], tmp_path / "out", config)

    assert targets(plan) == [
        "cam1/a_masked.mp4", "cam1/c_masked.mkv", "other/a_masked.mp4", "b_masked.mp4"
    ]  # fmt: skip


def test_a_pattern_that_no_shell_read_is_read(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    plan = make_batch_plan([clips / "**" / "*.mp4"], tmp_path / "out", config)

    assert targets(plan) == ["b_masked.mp4", "a_masked.mp4"]


def test_a_file_that_is_named_twice_is_done_once(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    (clips / "z.mp4").symlink_to(clips / "b.mp4")

    plan = make_batch_plan([clips / "b.mp4", clips], tmp_path / "out", config)

    assert targets(plan).count("b_masked.mp4") == 1
    assert "z_masked.mp4" not in targets(plan)


def test_what_is_no_video_or_picture_is_passed_over_and_counted(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    for name in ("notes.txt", "more.txt", "README", ".hidden.mp4"):
        (clips / name).touch()

    plan = make_batch_plan([clips], tmp_path / "out", config)

    assert plan.passed_over == {".txt": 2, "": 1}
    assert len(plan.jobs) == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"include": ("*.MP4",)}, ["b_masked.mp4", "cam1/a_masked.mp4"]),
        ({"include": ("cam1/*",)}, ["cam1/a_masked.mp4", "cam1/c_masked.mkv"]),
        ({"exclude": ("cam?",)}, ["a_masked.MOV", "b_masked.mp4"]),
        ({"include": ("a.*",), "exclude": ("cam1/a*",)}, ["a_masked.MOV"]),
    ],
)
def test_patterns_choose_files(
    clips: Path,
    config: BatchConfig,
    tmp_path: Path,
    options: dict[str, object],
    expected: list[str],
) -> None:
    assert targets(make_batch_plan([clips], tmp_path / "out", which(config, **options))) == expected


def test_shards_share_all_files_out_whatever_files_are_added(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    for number in range(30):
        (clips / f"{number}.mp4").touch()
    parts = [
        set(targets(make_batch_plan([clips], tmp_path / "out", which(config, shard=f"{n}/3"))))
        for n in (1, 2, 3)
    ]

    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == 34
    (clips / "0.mp4").unlink()
    fewer = make_batch_plan([clips], tmp_path / "out", which(config, shard="1/3"))
    assert set(targets(fewer)) == parts[0] - {"0_masked.mp4"}


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_a_shard_that_there_is_not_is_refused(shard: str) -> None:
    with pytest.raises(ConfigError, match="such as 2/8"):
        BatchInputConfig(shard=shard)


@pytest.mark.parametrize(
    "name",
    ["../{stem}{ext}", "{stem}/{ext}", "x{ext}", "{stem.__class__}", "{0}", "{stem!r}", "{stem:>9}",
     "{stem", "{stem}{other}", "{stem}\\{ext}"],
)  # fmt: skip
def test_a_template_that_leaves_the_folder_or_asks_for_other_things_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"output\.name"):
        BatchOutputConfig(name=name)


def test_names_follow_the_template(clips: Path, config: BatchConfig, tmp_path: Path) -> None:
    named = dataclasses.replace(config, output=BatchOutputConfig(name="{direction}-{stem}.mkv"))

    plan = make_batch_plan([clips / "cam1"], tmp_path / "out", named)

    assert targets(plan) == ["masked-a.mkv", "masked-c.mkv"]


def test_two_inputs_with_one_result_are_refused(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"would both become a_masked\.mp4"):
        make_batch_plan(
            [clips / "cam1" / "a.mp4", _copy(clips / "b.mp4", tmp_path / "a.mp4")],
            tmp_path / "out",
            config,
        )


def _copy(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes())
    return target


@pytest.mark.parametrize("out", [".", "results"])
def test_results_among_the_inputs_are_refused(clips: Path, config: BatchConfig, out: str) -> None:
    with pytest.raises(ConfigError, match="lies in the input"):
        make_batch_plan([clips], clips / out, config)


def test_a_result_that_is_an_input_is_refused(clips: Path, config: BatchConfig) -> None:
    same = dataclasses.replace(config, output=BatchOutputConfig(name="{stem}{ext}"))

    with pytest.raises(ConfigError, match="is an input"):
        make_batch_plan([clips / "b.mp4"], clips, same)


def test_results_may_lie_beside_files_that_are_named(clips: Path, config: BatchConfig) -> None:
    assert targets(make_batch_plan([clips / "b.mp4"], clips, config)) == ["b_masked.mp4"]


def test_a_link_out_of_the_folder_is_refused(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cam1").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="leads out of"):
        make_batch_plan([clips], tmp_path / "out", config)


def test_loops_of_links_and_what_is_missing_are_rows_with_their_reason(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    (clips / "cam1" / "up").symlink_to(clips)
    (clips / "self.mp4").symlink_to(clips / "self.mp4")
    (clips / "gone.mp4").symlink_to(clips / "nowhere")
    os.mkfifo(clips / "pipe.mp4")
    (tmp_path / "empty").mkdir()

    plan = make_batch_plan(
        [clips, tmp_path / "empty", tmp_path / "none.mp4", tmp_path / "*.xyz"],
        tmp_path / "out",
        config,
    )

    assert problems(plan) == {
        "clips/cam1/up": f"is the folder {clips} once more, by a link",
        "clips/gone.mp4": "is not there",
        "clips/pipe.mp4": "is no regular file",
        "clips/self.mp4": "too many levels of symbolic links",
        "empty/empty": "holds no video or picture",
        "none.mp4": "is not there",
        "*.xyz": "is not there",
    }
    assert len(targets(plan)) == 4


@pytest.mark.parametrize(
    "name", [b"caf\xe9.mp4", b"a\nb.mp4", b"-x.mp4", b'it\'s "q".mp4', b" .mp4"]
)
def test_names_of_any_bytes_are_planned(config: BatchConfig, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / os.fsdecode(name)).touch()

    [job] = make_batch_plan([folder], tmp_path / "out", config).jobs

    assert os.fsencode(job.target) == name.replace(b".mp4", b"_masked.mp4")


def test_a_name_that_grows_too_long_is_a_row_with_its_reason(
    config: BatchConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    (folder / ("x" * 250 + ".mp4")).touch()

    [job] = make_batch_plan([folder], tmp_path / "out", config).jobs

    assert "longer than 255 bytes" in job.problem


def test_planning_writes_nothing(clips: Path, config: BatchConfig, tmp_path: Path) -> None:
    make_batch_plan([clips], tmp_path / "out", config)

    assert not (tmp_path / "out").exists()


def test_what_cannot_be_converted_does_not_take_anothers_name(
    clips: Path, config: BatchConfig, tmp_path: Path
) -> None:
    plan = make_batch_plan([clips, tmp_path / "none" / "b.mp4"], tmp_path / "out", config)

    assert len({job.target for job in plan.jobs}) == len(plan.jobs) == 5
    assert "b_masked.mp4" in targets(plan)


def test_a_folder_of_numbered_pictures_is_one_input_where_it_is_called_a_clip(
    config: BatchConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "in" / "shot.1"
    folder.mkdir(parents=True)
    for name in ("f001.png", "f002.png", "notes.txt"):
        (folder / name).touch()
    (tmp_path / "in" / "photo.jpg").touch()
    as_clips = dataclasses.replace(config, source=SourceConfig(frames="25"))

    singly = make_batch_plan([tmp_path / "in"], tmp_path / "out", config)
    as_one = make_batch_plan([tmp_path / "in"], tmp_path / "out", as_clips)
    named = make_batch_plan([folder], tmp_path / "out", as_clips)

    assert len(targets(singly)) == 3
    assert targets(as_one) == ["photo_masked.jpg", "shot.1_masked"]
    assert [(job.kind, job.target.as_posix()) for job in named.jobs] == [
        ("frames", "shot.1_masked")
    ]
