"""A real RTSP server (GStreamer's) for the tests. Run by the system's Python, which has GStreamer's bindings:

/usr/bin/python3 rtsp_server.py CLIP.mp4 PORT [USER PASSWORD]

Prints `ready` once it listens; serves the clip, H.264 in MP4, as rtsp://127.0.0.1:PORT/main over and over.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main(clip: str, port: str, user: str = "", password: str = "") -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( filesrc location={clip} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(True)
    if user:
        require_password(server, factory, user, password)
    server.get_mount_points().add_factory("/main", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


def require_password(
    server: GstRtspServer.RTSPServer, factory: GstRtspServer.RTSPMediaFactory, user: str, password: str
) -> None:
    """Let only this user in, by Basic authentication."""
    role = "watcher"
    factory.add_role_from_structure(
        Gst.Structure.new_from_string(f"{role}, media.factory.access=true, media.factory.construct=true")
    )
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


if __name__ == "__main__":
    main(*sys.argv[1:])
