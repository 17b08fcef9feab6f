#!/usr/bin/python3
"""Serves Motion-JPEG with gst-rtsp-server, for clients under test and as a measure.

Usage: gst_server.py FILE.avi|- [own|shared]
       gst_server.py FILE.avi basic|digest USER PASSWORD REALM
       gst_server.py FILE.avi tls CERTIFICATE.pem
       gst_server.py rtsp://... udp|tcp

own, as without it: a pipeline for each client, that it may start anywhere; shared: one for all, as
a live source has. In place of an AVI file, - is live: concatenated JPEG from standard input, which is
read once there is a client. The pictures of an RTSP server are taken by that transport and served again,
from packets to packets, by one pipeline for all clients. basic, digest: as own, for one user. tls: as own, inside TLS
with the certificate and the key in a file.

Prints the URL once it listens, on a free port of 127.0.0.1, and serves until it is killed or its
standard input ends. The caller holds the other end of that pipe, so it cannot leave an orphan.
"""
import select
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def let_in(server, factory, method, user, password, realm):
    auth = GstRtspServer.RTSPAuth()
    auth.set_realm(realm)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if method == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    permit(factory)
    server.set_auth(auth)


def permit(factory):
    permissions = GstRtspServer.RTSPPermissions()
    for permission in ["media.factory.access", "media.factory.construct"]:
        permissions.add_permission_for_role("user", permission, True)
    factory.set_permissions(permissions)


def encrypt(server, factory, certificate):
    auth = GstRtspServer.RTSPAuth()
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(certificate))
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.set_default_token(token)
    permit(factory)
    server.set_auth(auth)


def main():
    file, pipelines, *login = sys.argv[1:] + ["own"] if len(sys.argv) == 2 else sys.argv[1:] or [None, None]
    relays = file is not None and file.startswith("rtsp://")
    ways = ("udp", "tcp") if relays else ("basic", "digest", "tls") if login else ("own", "shared")
    if pipelines not in ways or len(login) != {"basic": 3, "digest": 3, "tls": 1}.get(pipelines, 0):
        sys.exit(__doc__)
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    # AVI, because a raw JPEG sequence has no timestamps and GStreamer would send it all at once.
    source = f'filesrc location="{file}" ! avidemux'
    if file == "-":
        source = "fdsrc fd=0 blocksize=65536 do-timestamp=true ! image/jpeg,framerate=30/1"
    source += " ! jpegparse"
    if relays:
        source = f'rtspsrc location="{file}" protocols={pipelines} latency=0 ! rtpjpegdepay'
    factory.set_launch(f"( {source} ! rtpjpegpay name=pay0 pt=26 )")
    factory.set_shared(pipelines not in ("own", "basic", "digest", "tls"))
    server = GstRtspServer.RTSPServer()
    if pipelines == "tls":
        encrypt(server, factory, *login)
    elif login:
        let_in(server, factory, pipelines, *login)
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.get_mount_points().add_factory("/clip", factory)
    if server.attach(None) == 0:
        sys.exit("gst_server.py: cannot listen on 127.0.0.1")
    scheme = "rtsps" if pipelines == "tls" else "rtsp"
    print(f"{scheme}://127.0.0.1:{server.get_bound_port()}/clip", flush=True)

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
