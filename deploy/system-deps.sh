#!/bin/sh
# Installs what the tests need beside Python: a browser, an RTSP server, Redis, Java and Maven. Each only when
# it is missing. Without root or apt it says what to install, and the tests that need it say so too.
set -eu

missing=""
need() { # need COMMAND PACKAGE...: packages are wanted when the command is not there
    command="$1"
    shift
    command -v "$command" >/dev/null 2>&1 || missing="$missing $*"
}

need chromium chromium
need redis-server redis-server
need java openjdk-17-jre-headless
need mvn maven
# The RTSP server is a library with Python bindings of the system's Python.
/usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer' \
    >/dev/null 2>&1 || missing="$missing python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base \
    gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "tests need these packages, which only root can install with apt-get:$missing" >&2
    exit 0
fi
echo "installing for the tests:$missing"
apt-get update -qq
# shellcheck disable=SC2086  # a list of names
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
