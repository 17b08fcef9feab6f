"""Has PyAV decode the video of a file or stream.

    pyav.py FILE|URL [udp|tcp [COUNT]]

The transport is for RTSP. Prints a hash of each picture, until the end, or of the first COUNT pictures.
"""

import hashlib
import itertools
import sys

import av
import numpy  # noqa: F401 - else PyAV loads it at the first picture, while others come


def demux(container, is_http):
    packets = container.demux(video=0)
    try:
        yield from (packet for packet in packets if packet.size)
    except av.error.OSError:
        # FFmpeg calls it an error where what has no length ends over HTTP.
        if not is_http:
            raise


def main():
    source = sys.argv[1]
    # Large enough that nothing is lost while a busy machine runs others.
    options = {"rtsp_transport": sys.argv[2], "buffer_size": "4194304"} if sys.argv[2:] else {}
    count = int(sys.argv[3]) if sys.argv[3:] else None
    # In seconds, to open it and to wait for a packet.
    with av.open(source, options=options, timeout=30) as container:
        # Decoded later: that may take longer than the stream.
        packets = list(itertools.islice(demux(container, source.startswith("http:")), count))
        stream = container.streams.video[0]
        for frame in (frame for packet in [*packets, None] for frame in stream.decode(packet)):
            print(hashlib.md5(frame.to_ndarray().tobytes()).hexdigest())


main()
