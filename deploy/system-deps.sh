#!/bin/sh
# Installs what the tests need beside Python: a browser, an RTSP server, Redis, Java and Maven. Each only when
# it is missing. Without root or apt it says what to install; the tests that need it are then skipped, and in CI
# a skip of those is a failure. `make demo` and the services need none of this.
set -eu

missing=""
need_command() { # need_command COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need_package() { # for libraries and plug-ins, which bring no command
    case "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" in
        installed) ;;
        *) missing="$missing $1" ;;
    esac
}

need_command chromium chromium
need_command redis-server redis-server
need_command java openjdk-17-jre-headless
need_command mvn maven
# The RTSP server is a library, with bindings for the system's own Python.
for package in python3-gi gir1.2-gst-rtsp-server-1.0 libgstrtspserver-1.0-0 gstreamer1.0-plugins-base \
    gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly; do
    need_package "$package"
done

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "some tests need these Debian packages, and only root can install them with apt-get:$missing" >&2
    exit 0
fi
echo "installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # a list of names
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    echo "system-deps: apt-get could not install:$missing" >&2
    exit 1
fi
