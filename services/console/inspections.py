"""What the console knows of inspections: those of the topic, newest last, and the questions and words that it sends."""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence

from services.console.sending import Sender
from services.console.wall import Wall
from shared import topics
from shared.inspection import Confirmation, Inspection, InspectionRequest
from shared.site import Site

# Some 5 KB each. Older ones are in the topic for as long as it keeps them.
MOST = 2000


class InspectionBook:
    """Thread-safe inspections of the console's run."""

    def __init__(self, run: str | None) -> None:
        self._run = run
        self._found: OrderedDict[str, Inspection] = OrderedDict()
        self._last: dict[str, Inspection] = {}
        self._lock = threading.Lock()

    def take(self, inspection: Inspection) -> bool:
        """Take in one; False when it belongs to another run."""
        if inspection.run != self._run:
            return False
        with self._lock:
            self._found[inspection.inspection_id] = inspection
            self._last[inspection.lane] = inspection
            if len(self._found) > MOST:
                self._found.popitem(last=False)
        return True

    def get(self, inspection_id: str) -> Inspection | None:
        """One inspection."""
        with self._lock:
            return self._found.get(inspection_id)

    def newest(self, lane: str | None, limit: int) -> list[Inspection]:
        """The newest, of one lane or of all, newest first."""
        with self._lock:
            found = [item for item in reversed(self._found.values()) if lane in (None, item.lane)]
        return found[:limit]

    def last(self) -> list[Inspection]:
        """The last inspection of every lane that has one."""
        with self._lock:
            return list(self._last.values())


class SilentCameraError(Exception):
    """A camera shows no picture now, so nobody can have looked at it."""


class Asker:
    """Sends what an operator asks and says of lanes.

    Raises (every method): BusError when the bus does not take it.
    """

    def __init__(self, sender: Sender, site: Site, wall: Wall, run: str | None) -> None:
        self._sender, self._site, self._wall, self._run = sender, site, wall, run

    def cameras(self, lane: str) -> list[str]:
        """The cameras that see a lane; none when the site has no such lane."""
        return [camera.id for camera, _ in self._site.lane(lane)]

    def ask(self, lane: str, by: str) -> InspectionRequest:
        """Ask whether a lane is clear, from the newest frame of its cameras on."""
        now = time.time_ns()
        newest = self._wall.newest(self.cameras(lane))
        request = InspectionRequest(
            request_id=uuid.uuid4().hex[:20],
            lane=lane,
            run=self._run,
            at=now if newest is None else newest,
            asked_at=now,
            by=by,
        )
        self._sender.send(topics.INSPECTION_REQUESTS, [(lane, request.at, request.to_bytes())])
        return request

    def confirm(self, lane: str, cameras: Sequence[str], by: str) -> list[Confirmation]:
        """Send a person's word that nothing is on the lane, for the frame that each of the cameras shows now.

        Raises:
            SilentCameraError: one of them shows none; nothing has been sent then.
        """
        confirmations = []
        for camera in cameras:
            frame = self._wall.current(camera)
            if frame is None:
                raise SilentCameraError(f"camera {camera} gives no picture, so nobody can have looked at it")
            confirmations.append(
                Confirmation(
                    confirmation_id=uuid.uuid4().hex[:20],
                    site=self._site.site,
                    camera=camera,
                    lane=lane,
                    run=self._run,
                    confirmed_at=frame.captured_at,
                    frame=frame,
                    by=by,
                )
            )
        messages = [(item.camera, item.confirmed_at, item.to_bytes()) for item in confirmations]
        self._sender.send(topics.CONFIRMATIONS, messages)
        return confirmations
