#!/bin/sh
# Makes .venv-peers: the packages that `python -m bench peers` measures us beside, away from what we depend on ourselves.
#
# What to install is the extra `peers` in pyproject.toml. Each goes in on its own, so that one that cannot be had or built
# here (limit-order-book needs a C++ compiler) leaves the others in place; it is named, and the exit status is 1.
# Needs .venv (run make setup) and uv or pip; safe to run again.
set -u
cd "$(dirname "$0")/.." || exit 1

PYTHON=.venv/bin/python
PEERS=.venv-peers
[ -x "$PYTHON" ] || { echo "[peers] there is no .venv: run make setup first" >&2; exit 1; }

if command -v uv >/dev/null 2>&1; then
    [ -x "$PEERS/bin/python" ] || uv venv --quiet --python "$PYTHON" "$PEERS" || exit 1
    install() { uv pip install --quiet --python "$PEERS/bin/python" "$1"; }
else
    "$PEERS/bin/python" -c "import pip" 2>/dev/null || "$PYTHON" -m venv "$PEERS" || exit 1
    install() { "$PEERS/bin/python" -m pip install --no-input --disable-pip-version-check --quiet "$1"; }
fi

status=0
for peer in $("$PYTHON" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["peers"])'); do
    echo "[peers] $peer ..."
    if install "$peer"; then
        echo "[peers] $peer: installed"
    else
        echo "[peers] $peer: not installed, see above" >&2
        status=1
    fi
done
exit $status
