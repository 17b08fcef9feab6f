#!/usr/bin/python3
"""Takes the pictures of an RTSP server, and serves them with gst-rtsp-server, as a measure.

Usage: gst_relay.py URL udp|tcp

One pipeline takes the pictures by that transport, and all clients share it. Nothing is decoded: the pictures go from
packets to packets.

Prints the URL once it listens, on a free port of 127.0.0.1, and serves until it is killed or its standard input ends.
The caller holds the other end of that pipe, so it cannot leave an orphan.
"""
import select
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main():
    url, transport = sys.argv[1:] if len(sys.argv) == 3 else (None, None)
    if transport not in ("udp", "tcp"):
        sys.exit(__doc__)
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    source = f'rtspsrc location="{url}" protocols={transport} latency=0'
    factory.set_launch(f"( {source} ! rtpjpegdepay ! rtpjpegpay name=pay0 pt=26 )")
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.get_mount_points().add_factory("/clip", factory)
    if server.attach(None) == 0:
        sys.exit("gst_relay.py: cannot listen on 127.0.0.1")
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/clip", flush=True)

    loop = GLib.MainLoop()

    def quit_at_end_of_input():
        # Of no events, the end of a pipe is still told, and nothing is read.
        end = select.poll()
        end.register(0, 0)
        end.poll()
        loop.quit()

    threading.Thread(target=quit_at_end_of_input, daemon=True).start()
    loop.run()


main()
