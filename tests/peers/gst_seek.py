#!/usr/bin/python3
"""Plays a stream with rtspsrc from another place, at another rate, as a player with a seek bar does.

Usage: gst_seek.py URL udp|tcp SECOND RATE [skip]

Goes to SECOND, to play on at RATE times the pace; skip: frames may be left out for that. Prints a
hash of each picture from there on, as checksumsink does, until the end.
"""
import hashlib
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

LIMIT = 20 * Gst.SECOND


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    url, transport, second, rate = sys.argv[1:5]
    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"rtspsrc location={url} protocols={transport} latency=100 ! rtpjpegdepay ! jpegdec"
        " ! appsink name=sink sync=false"
    )
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    if not sink.emit("try-pull-sample", LIMIT):
        sys.exit("gst_seek.py: nothing comes")
    flags = Gst.SeekFlags.FLUSH
    if sys.argv[5:] == ["skip"]:
        flags |= Gst.SeekFlags.SKIP
    place = int(float(second) * Gst.SECOND)
    if not pipeline.seek(float(rate), Gst.Format.TIME, flags, Gst.SeekType.SET, place, Gst.SeekType.NONE, 0):
        sys.exit("gst_seek.py: it cannot seek")
    while sample := sink.emit("try-pull-sample", LIMIT):
        ok, memory = sample.get_buffer().map(Gst.MapFlags.READ)
        print(hashlib.md5(memory.data).hexdigest(), flush=True)
    if not sink.get_property("eos"):
        sys.exit("gst_seek.py: no end comes")
    pipeline.set_state(Gst.State.NULL)


main()
