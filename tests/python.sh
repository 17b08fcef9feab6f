#!/usr/bin/env bash
# Makes the Python environment of the peers that are on PyPI, target/python, unless it is there already.
#
# Needs Debian's python3-venv, and pip, which it brings, has to reach PyPI.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wanted=tests/peers/requirements.txt
environment=${CARGO_TARGET_DIR:-target}/python
packages=$(grep -v '^#' "$wanted" | xargs)

if cmp -s "$wanted" "$environment/installed.txt" && "$environment/bin/python" -c ""; then
    echo "$environment has $packages"
    exit
fi
echo "installing $packages in $environment"
# By its path: python3-venv belongs to this Python, and the first one in PATH may be another.
/usr/bin/python3 -m venv --clear "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --requirement "$wanted"
cp "$wanted" "$environment/installed.txt"
