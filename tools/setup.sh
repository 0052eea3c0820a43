#!/bin/sh
# Make a virtual environment with recstream and all its tools: tools/setup.sh [FOLDER]
set -eu
venv=${1:-.venv}
python=${PYTHON:-python3}

fail() {
  echo "setup: $1" >&2
  exit 1
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || fail "needs Python 3.11 or newer; name one with PYTHON=..."

# Debian splits the C++ compiler from gcc, and venv and the headers from Python itself.
complete() {
  command -v c++ >/dev/null && "$python" -c '
import ensurepip, pathlib, sys, sysconfig
sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").is_file())' 2>/dev/null
}
if ! complete; then
  packages="g++ python3-venv python3-dev"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing $packages"
    apt-get update -qq && apt-get install -y -qq $packages >/dev/null
  fi
  complete || fail "needs a C++20 compiler, and Python's venv and headers; on Debian: apt-get install $packages"
fi

# Without these the server runs on its Python front, so that is no reason to stop.
if ! pkg-config --exists grpc++ 2>/dev/null; then
  packages="libgrpc++-dev pkgconf"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing $packages"
    apt-get update -qq && apt-get install -y -qq $packages >/dev/null || true
  fi
  pkg-config --exists grpc++ 2>/dev/null || echo "setup: no gRPC for C++, so no native front; on Debian: apt-get install $packages"
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip="$venv/bin/python -m pip --disable-pip-version-check"
echo "setup: installing into $venv (a few minutes the first time)"
# The build's own requirements first: without build isolation the extension builds against the same pybind11 and CMake as `make core`.
$pip install -q 'scikit-build-core[setuptools]>=1.1,<2' 'setuptools>=80' 'pybind11>=3,<4' 'cmake>=3.25' ninja
$pip install -q --no-build-isolation -e '.[dev]'
echo "setup: done"
