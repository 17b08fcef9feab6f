#!/usr/bin/env bash
# The linker: LLVM's, of whichever version there is. Debian puts the version into the name.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/llvm.sh"
exec "$(llvm_tool ld.lld)" "$@"
