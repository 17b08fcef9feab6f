#!/usr/bin/env bash
# Shows that the soak finds faults: applies each patch of tests/mutants/ to a copy of the sources, one at
# a time, and runs the soak on it until something does not hold. Fails where all holds.
#
# A patch with a line "Test: ARGUMENTS" is of what the soak does not reach: `cargo test ARGUMENTS` must fail for it.
#
#     tests/mutants.sh                 every patch
#     tests/mutants.sh NAME...         those, by their names without .patch
#
# That the sources as they are hold for the same seeds is checked by the soak itself, and by the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seeds=${SEEDS:-0..2000}
copy=$PWD/target/mutants/copy
log=$PWD/target/mutants/log
export CARGO_TARGET_DIR=$PWD/target/mutants/target CARGO_PROFILE_DEV_DEBUG=0

patches=()
for name in "${@:-*}"; do
    for patch in tests/mutants/$name.patch; do
        [ -f "$patch" ] || { echo "there is no $patch" >&2; exit 2; }
        patches+=("$PWD/$patch")
    done
done

# The files keep their times, so that only what changed since the last run is built.
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
    tar --null --files-from=- --create | tar --extract --directory "$copy"
cd "$copy"
# Not as a part of the repository around it.
export GIT_CEILING_DIRECTORIES=${copy%/*}

# Builds the program, or the tests with these arguments.
build() {
    if [ $# -eq 0 ]; then
        cargo build --locked --quiet --profile soak -p pinhole-sim
    else
        cargo test --locked --quiet --no-run "$@"
    fi
}

build
unfound=()
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    read -r -a tests <<<"$(sed -n '/^diff/q; s/^Test: //p' "$patch")"
    git apply "$patch" || {
        echo "$name does not apply any more: make the same change to the sources as they are now" >&2
        exit 1
    }
    build "${tests[@]}"
    start=$SECONDS
    code=0
    if [ ${#tests[@]} -eq 0 ]; then
        timeout 600 "$CARGO_TARGET_DIR/soak/pinhole-sim" soak --seeds "$seeds" >"$log" 2>&1 || code=$?
        # The one that fails first, and what does not hold.
        found=$(grep -m 1 -o 'seed [0-9]*,.*' "$log" || true)
    else
        timeout 600 cargo test --locked "${tests[@]}" >"$log" 2>&1 || code=$?
        found=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | head -n 1)
    fi
    if [ $code -ne 0 ] && [ -n "$found" ]; then
        printf '%-28s found in %2d s: %s\n' "$name" $((SECONDS - start)) "$found"
    else
        printf '%-28s NOT FOUND (exit code %d)\n' "$name" $code
        unfound+=("$name")
    fi
    git apply --reverse "$patch"
done
if [ ${#unfound[@]} -gt 0 ]; then
    echo "not found: ${unfound[*]}" >&2
    exit 1
fi
echo "all ${#patches[@]} are found"
