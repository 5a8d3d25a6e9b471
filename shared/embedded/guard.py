"""Runs one server and ends it when the process that asked for it goes away, however it goes.

Run as a program by `shared.embedded.process`; it imports nothing of the project, so that it starts in 20 ms.
The parent holds the other end of stdin: end of file means stop. A death signal from the kernel alone
(PR_SET_PDEATHSIG) would not do, as it follows the parent's *thread* and not the process.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Arguments: file for the server's process id, seconds of grace, command."""
    pid_file, grace_s, *command = sys.argv[1:]
    # Nothing else runs in this process yet, so code between fork and exec is safe.
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_guard)
    with open(pid_file, "w") as file:  # noqa: PTH123 (pathlib takes as long to import as all the rest)
        file.write(str(server.pid))

    def stop_at_end_of_input() -> None:
        sys.stdin.buffer.read()
        server.terminate()
        try:
            server.wait(float(grace_s))
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())
    os._exit(abs(server.wait()) & 0xFF)


if __name__ == "__main__":
    main()
