#!/usr/bin/env bash
# Makes Motion-JPEG clips for pinhole-server from any video that ffmpeg reads.
set -euo pipefail

usage() {
    cat <<'TXT'
Usage: video/make.sh [OPTIONS] INPUT [OUTDIR]

Makes, for each height H, from INPUT (a file, a URL, or lavfi:GRAPH for a test picture):
  NAME<H>.mjpeg                  concatenated JPEG, the standard Huffman tables
  NAME<H>-optimal-huffman.mjpeg  the same pictures, Huffman tables made for the clip
  NAME<H>-course.Mjpeg           as the first, each frame preceded by its length in digits
OUTDIR is this directory unless given. Files that exist are kept, unless -f is given.

Options:
  -s HEIGHTS   heights in pixels, comma-separated   (720,1080,1440)
  -t SECONDS   length to take from INPUT            (4)
  -b SECONDS   where in INPUT to begin              (0)
  -r FPS       frames per second                    (30)
  -q Q         quality, 2 (best) to 31              (4)
  -n NAME      start of the output names            (from INPUT)
  -f           replace files that exist
  -h           this text

Examples:
  video/make.sh big_buck_bunny_1080p.mov
  video/make.sh -s 288 -t 2 lavfi:testsrc2=size=1024x576 /tmp
TXT
}

fail() {
    echo "make.sh: $1" >&2
    exit "${2:-1}"
}

heights=720,1080,1440 seconds=4 begin=0 fps=30 quality=4 name= force=
while getopts ':s:t:b:r:q:n:fh' option; do
    case $option in
        s) heights=$OPTARG ;;
        t) seconds=$OPTARG ;;
        b) begin=$OPTARG ;;
        r) fps=$OPTARG ;;
        q) quality=$OPTARG ;;
        n) name=$OPTARG ;;
        f) force=yes ;;
        h) usage; exit 0 ;;
        :) fail "-$OPTARG needs a value; -h shows the usage" 2 ;;
        *) fail "unknown option -$OPTARG; -h shows the usage" 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || [ $# -eq 2 ] || fail "expected INPUT and perhaps OUTDIR; -h shows the usage" 2
input=$1
outdir=${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}

[[ $heights =~ ^[0-9]+(,[0-9]+)*$ ]] || fail "-s takes heights such as 720,1080, not '$heights'" 2
for tool in ffmpeg ffprobe; do
    command -v "$tool" >/dev/null || fail "$tool is not installed (Debian: apt-get install ffmpeg)"
done
[ -d "$outdir" ] && [ -w "$outdir" ] || fail "cannot write to the directory '$outdir'"

case $input in
    lavfi:*) source=(-f lavfi -i "${input#lavfi:}") default_name=test ;;
    *://*) source=(-ss "$begin" -i "$input") default_name=clip ;;
    *)
        [ -r "$input" ] || fail "cannot read '$input'"
        source=(-ss "$begin" -i "$input")
        default_name=$(basename "${input%.*}")
        ;;
esac
name=${name:-$default_name}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# encode HEIGHT TABLES FILE
encode() {
    # Widths in steps of 16: RTP/JPEG sends sizes in units of 8 pixels, and 4:2:0 codes 16 at a time.
    ffmpeg -nostdin -v error -y "${source[@]}" -t "$seconds" -an \
        -vf "fps=$fps,scale=w=trunc(iw/ih*$1/16+0.5)*16:h=$1:flags=lanczos,setsar=1" \
        -pix_fmt yuvj420p -c:v mjpeg -q:v "$quality" -huffman "$2" -f mjpeg "$3" ||
        fail "ffmpeg could not make a clip from '$input'"
    [ -s "$3" ] || fail "'$input' has no picture between $begin s and $begin + $seconds s"
}

# course PLAIN FILE: puts each frame's length before it, in five digits or more.
course() {
    local sizes size
    sizes=$(ffprobe -v error -f mjpeg -show_entries packet=size -of csv=p=0 "$1") ||
        fail "ffprobe could not find the frames of '$1'"
    for size in $sizes; do
        printf '%05d' "${size%%,*}"
        head -c "${size%%,*}"
    done <"$1" >"$2"
}

# make FILE COMMAND...: the command's last argument is where it writes.
make() {
    local file=$outdir/$1
    shift
    if [ -e "$file" ] && [ -z "$force" ]; then
        echo "kept  $file (-f replaces it)"
        return
    fi
    "$@" "$work/out"
    mv "$work/out" "$file"
    echo "made  $file ($(stat -c %s "$file") bytes)"
}

for height in ${heights//,/ }; do
    make "$name$height.mjpeg" encode "$height" default
    make "$name$height-optimal-huffman.mjpeg" encode "$height" optimal
    make "$name$height-course.Mjpeg" course "$outdir/$name$height.mjpeg"
done
