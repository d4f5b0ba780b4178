# Sourced by the other scripts: makes .venv and installs this checkout into it.
#
# prepare_environment EXTRAS installs only when setup.cfg, pyproject.toml, the interpreter or the
# extras have changed since the last time, so that a second call costs well under a second.
# prefer_cpu_torch, called before it, spares a new .venv torch's CUDA where there is no GPU.
# PYTHON names the interpreter to build .venv with; the first of python3, python3.13, python3.12 and
# python3.11 that is new enough is taken where it is not set.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv="$root/.venv"

_is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

_find_python() {
    local candidate tried=()
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if _is_new_enough "$candidate"; then
            echo "$candidate"
            return 0
        fi
        tried+=("$candidate ($("$candidate" --version 2>/dev/null || echo "not there"))")
    done
    {
        echo "facemask-video needs Python 3.11 or newer; tried: ${tried[*]}."
        echo "Install one, or name it: PYTHON=/path/to/python3.11 $0"
    } >&2
    return 1
}

_make_venv() {
    local python
    python=$(_find_python) || return 1
    echo "Making a virtual environment in $venv with $("$python" --version)." >&2
    if ! "$python" -m venv "$venv"; then
        rm -rf "$venv"
        echo "Python could not make a virtual environment; on Debian and Ubuntu install python3-venv." >&2
        return 1
    fi
}

_fingerprint() {
    "$venv/bin/python" - "$1" "$root/setup.cfg" "$root/pyproject.toml" <<'PYTHON'
import hashlib
import sys
from pathlib import Path

extras, *files = sys.argv[1:]
digest = hashlib.sha256(f"{extras} {sys.version} {sys.prefix}".encode())
for file in files:
    digest.update(Path(file).read_bytes())
print(digest.hexdigest())
PYTHON
}

_has_gpu() {
    [ -e /dev/nvidia0 ] || [ -e /dev/dxg ] || command -v nvidia-smi >/dev/null 2>&1
}

# On Linux the registry's torch comes with 6 GB of CUDA; its makers keep one without. Nothing is lost
# where that cannot be had: the usual one is installed then.
prefer_cpu_torch() {
    [ "$(uname -sm)" = "Linux x86_64" ] && ! _has_gpu && [ ! -e "$venv" ] || return 0
    _make_venv || return 1
    echo "No GPU here: taking torch's CPU build." >&2
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --retries 0 --timeout 15 \
        --index-url https://download.pytorch.org/whl/cpu torch torchvision </dev/null 2>/dev/null ||
        echo "It cannot be had from here; the usual build, with CUDA, does as well." >&2
}

prepare_environment() {
    local extras=$1 stamp="$venv/.installed-${1:-plain}" fingerprint
    # A folder that was copied or moved here, or whose Python is gone, cannot be mended: remake it.
    if [ -e "$venv" ] && ! _is_new_enough "$venv/bin/python"; then
        echo "$venv has no working Python 3.11 or newer; making it again." >&2
        rm -rf "$venv"
    fi
    [ -e "$venv" ] || _make_venv || return 1
    fingerprint=$(_fingerprint "$extras") || return 1
    if [ "$(cat "$stamp" 2>/dev/null)" != "$fingerprint" ]; then
        echo "Installing facemask-video${extras:+ with the extras $extras} into $venv; the first time takes some minutes." >&2
        "$venv/bin/python" -m pip install --disable-pip-version-check --quiet \
            --editable "$root${extras:+[$extras]}" </dev/null || return 1
        echo "$fingerprint" >"$stamp"
    fi
}
