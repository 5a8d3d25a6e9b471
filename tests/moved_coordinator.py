"""Between clients and a broker on this machine: answers for the broker that it does not coordinate a group."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

NOT_COORDINATOR = struct.pack(">h", 16)
OFFSET_COMMIT, OFFSET_FETCH = 8, 9  # Kafka's numbers of these requests


class MovedCoordinator:
    """Passes everything on, but the answers that it was told to refuse.

    A broker gives such answers by itself for a moment after its start and when a group's coordinator moves; here they
    come when a test wants them.

    Attributes:
        refused: requests that were refused.
    """

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._broker = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self._port}"
        self._left: dict[int, int] = {}
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def refuse(self, request: int, times: int) -> None:
        """Refuse the next answers to this kind of request."""
        self._left[request] = times

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection(self._broker)
                asked: dict[int, int] = {}
                for work in (self._requests, self._answers):
                    threading.Thread(target=_until_hung_up, args=(work, client, broker, asked), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        for frame in _frames(client):
            kind, _, number = struct.unpack(">hhi", frame[:8])
            asked[number] = kind
            _send(broker, frame)

    def _answers(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        # Where the broker says where it listens, clients shall come here.
        there, here = (b"127.0.0.1" + struct.pack(">i", port) for port in (self._broker[1], self._port))
        for frame in _frames(broker):
            kind = asked.pop(struct.unpack(">i", frame[:4])[0])
            answer = frame.replace(there, here)
            if self._left.get(kind, 0) > 0:
                self._left[kind] -= 1
                self.refused += 1
                answer = _REFUSALS[kind](answer)
            _send(client, answer)


@contextmanager
def moved_coordinator(bootstrap: str) -> Iterator[MovedCoordinator]:
    between = MovedCoordinator(bootstrap)
    try:
        yield between
    finally:
        between.close()


def _refused_fetch(answer: bytes) -> bytes:
    """OffsetFetch, version 8 or later, of one group: no topics, and the error is the group's."""
    groups = 4 + 1 + 4  # number of the request, tags, throttle time
    assert answer[groups] == 2, "not the answer for one group: another version of the request?"
    name_ends = groups + 1 + answer[groups + 1]
    return answer[:name_ends] + b"\1" + NOT_COORDINATOR + b"\0\0"


def _refused_commit(answer: bytes) -> bytes:
    """OffsetCommit, version 8 or later, of one partition: its error, and the empty tags of three levels."""
    return answer[:-5] + NOT_COORDINATOR + answer[-3:]


_REFUSALS: dict[int, Callable[[bytes], bytes]] = {OFFSET_COMMIT: _refused_commit, OFFSET_FETCH: _refused_fetch}


def _until_hung_up(work: Callable[..., None], client: socket.socket, broker: socket.socket, asked: object) -> None:
    with client, broker, suppress(OSError):
        work(client, broker, asked)


def _frames(sender: socket.socket) -> Iterator[bytes]:
    """Kafka's frames: four bytes of length, then so many."""
    stream = sender.makefile("rb")
    while len(length := stream.read(4)) == 4:
        yield stream.read(*struct.unpack(">i", length))


def _send(receiver: socket.socket, frame: bytes) -> None:
    receiver.sendall(struct.pack(">i", len(frame)) + frame)
