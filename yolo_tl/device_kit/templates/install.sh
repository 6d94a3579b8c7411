#!/bin/sh
# Installs this kit where it lies, without touching anything else, and tests it. Run it again after any change.
set -eu
cd "$(dirname "$0")"
sha256sum --quiet --check SHA256SUMS
PYTHON="${PYTHON:-python3}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (@python_tuple))' || {
    echo "expected Python @python, for which the versions in requirements.txt are pinned; say PYTHON=/path/to/python@python" >&2
    exit 2
}
"$PYTHON" -m venv --clear venv
# Every package is listed, so nothing else is installed. Wheels in the folder wheels need no network.
if [ -d wheels ]; then set -- --no-index --find-links wheels; else set --; fi
venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "$@@" -r requirements.txt ./@wheel
venv/bin/yolo-tl selftest --repeat 0 bundle
