"""The package as it is imported, and as it is installed from its wheel."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import facemask_video

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", facemask_video.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(facemask_video, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        facemask_video.nothing  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, facemask_video; print({'torch', 'av', 'numpy'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_a_conversion_starts_without_what_only_training_and_faces_need() -> None:
    code = (
        "import sys, facemask_video.pipeline.convert\n"
        "print({'torchvision', 'torch._dynamo', 'sympy', 'scipy', 'PIL'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("package", ["facemask_video", "trainers"])
@pytest.mark.parametrize(
    ("own", "expected"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")]
)
def test_openmp_waits_without_spinning_unless_the_user_says_otherwise(
    package: str, own: dict[str, str], expected: str
) -> None:
    code = (
        f"import os, sys, {package}; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | own,
        capture_output=True,
        text=True,
        check=True,
    )

    # Later than torch it would not be read.
    assert done.stdout.split() == [expected, "False"]


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("facemask_video", "trainers", "configs"):
        shutil.copytree(
            ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # The build tools of this environment: nothing is fetched.
    _pip("wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone into a folder; what it needs comes from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    _pip("install", wheel, "--no-deps", "--no-index", "--target", folder)
    return folder


def _run(installed: Path, command: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(installed / "bin" / command), *arguments],
        cwd=installed / "bin",
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_brings_two_modules_with_weights_pages_and_configurations(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"facemask_video", "trainers"}
    files = [path for top in sorted(tops) for path in (ROOT / top).rglob("*") if path.is_file()]
    assert {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"} <= set(names)
    # The other folder of configs, recipes, belongs to a script of the checkout.
    configs = [path for path in (ROOT / "configs").rglob("*.*") if path.parent.name != "recipes"]
    assert {f"facemask_video/{path.relative_to(ROOT)}" for path in configs} <= set(names)


@pytest.mark.parametrize("command", ["facemask-video", "facemask-train"])
def test_an_installed_command_starts(installed: Path, command: str) -> None:
    assert _run(installed, command, "--version").split()[-1] == facemask_video.__version__
    assert _run(installed, command, "--help").startswith(f"Usage: {command}")


def test_an_installed_command_finds_a_configuration_by_name(installed: Path) -> None:
    assert '"name": "cpu-128"' in _run(
        installed, "facemask-train", "fit", "cpu-128", "--bare", "a", "--masked", "b", "--dry-run"
    )
