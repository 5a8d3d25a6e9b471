"""Fan-out of live events to any number of browsers, each with its own bounded queue.

A slow browser never slows another one or the consumer: of boxes it gets only the newest per camera; alerts it
gets all, and when even those do not fit it is told to load the list again.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["tracks", "alert", "services", "reload"]

# Pictures change up to 5 times a second: more the eye does not need and a wall of 16 cameras cannot carry.
# Slightly below 0.2 s, so that jitter does not turn every second interval of a 5 frames/s camera into 0.4 s.
TRACKS_EVERY_S = 0.18
# Alerts are rare. A browser that lags 256 of them behind has been asleep; a fresh list is shorter.
ALERTS_MAX = 256
# Each open page holds one connection; beyond this the machine is not an operator's console any more.
MAX_CLIENTS = 256


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event, encoded once for all clients.

    Attributes:
        key: camera id for `tracks`; newer events of a key replace older ones.
        data: JSON, on one line.
    """

    kind: Kind
    data: str
    key: str = ""

    def encode(self) -> bytes:
        """As the HTML standard's event stream format says (section 9.2.5)."""
        return f"event: {self.kind}\ndata: {self.data}\n\n".encode()


RELOAD = Event("reload", "{}")


class Client:
    """What one browser has still to be sent.

    Args:
        wake: called from any thread when there is something to take.
    """

    def __init__(self, wake: Callable[[], None], alerts_max: int = ALERTS_MAX) -> None:
        self._wake, self._alerts_max = wake, alerts_max
        self._lock = threading.Lock()
        self._tracks: dict[str, Event] = {}
        self._tracks_sent: dict[str, float] = {}
        self._alerts: deque[Event] = deque()
        self._services: Event | None = None
        self._reload = False
        self._closed = False

    def offer(self, event: Event) -> None:
        """Queue an event; bounded whatever comes."""
        with self._lock:
            if event.kind == "tracks":
                self._tracks[event.key] = event
            elif event.kind == "services":
                self._services = event
            elif event.kind == "reload":
                self._reload = True
            else:
                if len(self._alerts) >= self._alerts_max:
                    self._alerts.clear()
                    self._reload = True
                # Also after an overflow: the list that the browser loads again may be a moment older.
                self._alerts.append(event)
        self._wake()

    def close(self) -> None:
        """The server stops: let the stream end."""
        with self._lock:
            self._closed = True
        self._wake()

    @property
    def closed(self) -> bool:
        """Whether the stream is to end."""
        return self._closed

    def take(self, now: float) -> tuple[list[Event], float | None]:
        """Events to send now, alerts first, and seconds until a held-back one is due (None: nothing is held).

        Args:
            now: monotonic seconds.
        """
        with self._lock:
            events = [RELOAD] if self._reload else []
            events += self._alerts
            if self._services:
                events.append(self._services)
            wait: float | None = None
            for camera in list(self._tracks):
                sent = self._tracks_sent.get(camera)
                due = now if sent is None else sent + TRACKS_EVERY_S
                if due <= now:
                    events.append(self._tracks.pop(camera))
                    self._tracks_sent[camera] = now
                else:
                    wait = due - now if wait is None else min(wait, due - now)
            self._alerts.clear()
            self._services, self._reload = None, False
            return events, wait


class Fanout:
    """All connected clients."""

    def __init__(self) -> None:
        self._clients: set[Client] = set()
        self._lock = threading.Lock()
        self._closed = False

    def add(self, client: Client) -> bool:
        """Connect a client; False when there are too many or the server stops."""
        with self._lock:
            if self._closed or len(self._clients) >= MAX_CLIENTS:
                return False
            self._clients.add(client)
            return True

    def remove(self, client: Client) -> None:
        """Disconnect a client."""
        with self._lock:
            self._clients.discard(client)

    def __len__(self) -> int:
        return len(self._clients)

    def publish(self, event: Event) -> None:
        """Offer an event to every client; from any thread, never blocks."""
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.offer(event)

    def close(self) -> None:
        """End every stream and take no new one."""
        with self._lock:
            self._closed = True
            clients = list(self._clients)
        for client in clients:
            client.close()
