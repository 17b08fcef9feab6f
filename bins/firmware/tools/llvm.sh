# To be sourced: finds LLVM's tools, which Debian names with their version.

# llvm_tool NAME: the path of NAME, or of the newest NAME-VERSION.
llvm_tool() {
    local found
    found=$(command -v "$1") || found=$(compgen -c "$1-" | grep -E "^$1-[0-9]+$" | sort -V | tail -1)
    if [ -z "$found" ]; then
        echo "error: no $1 in PATH; on Debian: apt-get install lld-14 llvm-14" >&2
        return 1
    fi
    command -v "$found"
}
