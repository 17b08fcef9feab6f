#!/usr/bin/env bash
# Puts pinhole-server, and all that it needs to run, into a new directory: the root of its container.
# bins/server/Containerfile calls it in its build.
#
#     bins/image.sh DIRECTORY [PROGRAM]     PROGRAM is target/release/pinhole-server if it is not given
#
# The program is linked to the C library, whose files are copied: a static one cannot look up the names of cameras.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: bins/image.sh DIRECTORY [PROGRAM]" >&2; exit 2; }
root=$1
program=${2:-$(dirname "${BASH_SOURCE[0]}")/../target/release/pinhole-server}
[ -x "$program" ] || { echo "image.sh: there is no program $program; build it first" >&2; exit 1; }
[ ! -e "$root" ] || { echo "image.sh: $root exists already; name a new directory" >&2; exit 1; }

mkdir -p "$root"/{etc/ssl/certs,media,run,tmp,usr/bin}
chmod 1777 "$root/tmp"
cp "$program" "$root/usr/bin/pinhole-server"
# Its libraries, by their paths, with the loader.
ldd "$program" | grep -o '/[^ ]*' | while IFS= read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp --dereference "$library" "$root$library"
done
# Who it runs as, and the authorities that sources inside TLS are checked by, where there are any.
echo 'pinhole:x:65534:65534::/:' >"$root/etc/passwd"
echo 'pinhole:x:65534:' >"$root/etc/group"
authorities=/etc/ssl/certs/ca-certificates.crt
[ ! -r "$authorities" ] || cp --dereference "$authorities" "$root$authorities"
