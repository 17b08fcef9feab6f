"""Has aiortsp play a stream to its end.

    aiortsp_client.py URL udp|tcp

Prints a line of JSON once BYE has come: the numbers of packets, of frames by their markers, of bytes of payload, and of
lost packets; the last sender report's packets and bytes; and the URL of the session, as aiortsp has made it. Reports
what it received, and ends the session by TEARDOWN.
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlparse

from aiortsp.rtcp.parser import BYE, SR
from aiortsp.rtsp.connection import RTSPConnection
from aiortsp.rtsp.session import RTSPMediaSession
from aiortsp.transport import RTPTransportClient, TCPTransport, UDPTransport

LIMIT = 30


class Watcher(RTPTransportClient):
    def __init__(self):
        self.numbers = set()
        self.frames = 0
        self.bytes = 0
        self.report = None
        self.bye = asyncio.Event()

    def handle_rtp(self, rtp):
        self.numbers.add(rtp.seq)
        self.frames += rtp.m
        # Its parser leaves a header extension in the payload.
        extension = 4 + 4 * int.from_bytes(rtp.data[2:4], "big") if rtp.x else 0
        self.bytes += len(rtp.data) - extension

    def handle_rtcp(self, rtcp):
        for packet in rtcp.packets:
            if isinstance(packet, SR):
                self.report = packet
            elif isinstance(packet, BYE):
                self.bye.set()


async def play(url, transport_class):
    at = urlparse(url)
    watcher = Watcher()
    async with RTSPConnection(at.hostname, at.port) as connection, transport_class(connection) as transport:
        async with RTSPMediaSession(connection, url, transport=transport) as session:
            transport.subscribe(watcher)
            await session.play()
            await asyncio.wait_for(watcher.bye.wait(), LIMIT)
            # By UDP, BYE has a socket of its own, and may be read before the last packets.
            end = time.monotonic() + LIMIT
            while len(watcher.numbers) < watcher.report.pkt_count and time.monotonic() < end:
                await asyncio.sleep(0.01)
            # Updates the number of lost packets, too.
            await transport.send_rtcp_report(transport.stats.build_rtcp())
            result = {
                "packets": len(watcher.numbers),
                "frames": watcher.frames,
                "bytes": watcher.bytes,
                "lost": transport.stats.lost,
                "reported_packets": watcher.report.pkt_count,
                "reported_bytes": watcher.report.byte_count,
                "url": session.media_url,
            }
    return result


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    transport_class = {"udp": UDPTransport, "tcp": TCPTransport}[sys.argv[2]]
    print(json.dumps(asyncio.run(play(sys.argv[1], transport_class))))


main()
