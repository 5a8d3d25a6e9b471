"""What the inspector does with messages: frames, incidents and questions in, inspections and incidents out.

Order of one answer: evidence pictures → inspection → flush → its incidents → flush → (the question counts as done).
The inspection holds the incidents that follow from it. A crash in between repeats the question; the inspection that is
there already is then not made anew, but its incidents are sent again, with the same ids and revisions.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from services.inspector.answer import with_incidents
from services.inspector.desk import Desk, Pending
from services.inspector.opens import OpenIncidents
from services.inspector.pictures import draw, picture_name
from services.inspector.record import SERVICE, Record
from shared import topics
from shared.bus.base import Bus, Partition, Producer
from shared.bus.base import Record as BusRecord
from shared.deadletters import bury
from shared.evidence import EvidenceStore
from shared.exceptions import BusError, PoisonMessageError
from shared.frames import Frame
from shared.inspection import CameraInspection, Inspection, InspectionRequest
from shared.messages import Incident, Tracks
from shared.site import Site
from shared.telemetry import metrics
from shared.telemetry.logs import logger

# Runs that are followed at a time, the one that was quiet longest is dropped beyond that.
_RUNS = 8
# The analyzer sends a frame's incidents after its tracks, to other partitions.
_SETTLE_S = 0.5


class Worker:
    """Answers questions from what it is handed.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        bus: Bus,
        producer: Producer,
        site: Site,
        evidence: EvidenceStore,
        record: Record,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus, self._producer, self._site, self._evidence = bus, producer, site, evidence
        self._record, self._clock = record, clock
        self._incidents = OpenIncidents()
        self._desks: OrderedDict[str | None, Desk] = OrderedDict()
        self._questions: dict[str, tuple[Partition, int]] = {}
        self._ready: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """How many questions wait for their answer."""
        return sum(desk.waiting for desk in self._desks.values())

    def held(self) -> dict[Partition, int]:
        """Per partition of the questions, the first offset whose question is not answered yet."""
        held: dict[Partition, int] = {}
        for partition, offset in self._questions.values():
            held[partition] = min(offset, held.get(partition, offset))
        return held

    def incident(self, message: BusRecord) -> None:
        """Take in a message of the topic incidents; one that cannot be parsed is buried by the alerts service."""
        try:
            self._incidents.hear(Incident.from_bytes(message.value))
        except PoisonMessageError as error:
            metrics.ERRORS.labels(SERVICE, error.reason).inc()

    def tracks(self, message: BusRecord) -> None:
        """Take in a message of the topic tracks; scheduled inspections that it calls for go out as questions."""
        try:
            tracks = Tracks.from_bytes(message.value)
        except PoisonMessageError as error:
            bury(self._producer, SERVICE, message, error)
            return
        for request in self._desk(tracks.run).see(tracks, self._clock()):
            if not self._record.has(request.request_id):
                self._send(topics.INSPECTION_REQUESTS, request.lane, request.to_bytes(), request.at)

    def question(self, message: BusRecord) -> None:
        """Take in a message of the topic inspection-requests."""
        try:
            request = InspectionRequest.from_bytes(message.value)
            desk = self._desk(request.run)
            if not desk.has(request.lane):
                raise PoisonMessageError("unknown-lane", f"the site has no lane {request.lane!r}")
        except PoisonMessageError as error:
            bury(self._producer, SERVICE, message, error)
            return
        if self._record.has(request.request_id):
            last = self._record.last(request.run, request.lane)
            if last is not None and last.inspection_id == request.request_id:
                self._tell(last)
            return
        if request.request_id not in self._questions:
            self._questions[request.request_id] = ((message.topic, message.partition), message.offset)
            desk.ask(request, self._clock())

    def answer(self) -> int:
        """Publish the answers that are due; returns how many."""
        now, count = self._clock(), 0
        for desk in self._desks.values():
            for pending in desk.due(now):
                ready = self._ready.setdefault(pending.request.request_id, now)
                if now - ready < _SETTLE_S:
                    continue
                del self._ready[pending.request.request_id]
                inspection = desk.judge(pending)
                if inspection is not None:
                    self._publish(inspection, desk, pending, now)
                    count += 1
        return count

    def _desk(self, run: str | None) -> Desk:
        desk = self._desks.get(run)
        if desk is None:
            desk = self._desks[run] = Desk(self._site, run, self._incidents)
        self._desks.move_to_end(run)
        if len(self._desks) > _RUNS:
            quiet = next((key for key, item in self._desks.items() if not item.waiting and key is not None), None)
            if quiet is not None:
                del self._desks[quiet]
        return desk

    def _publish(self, inspection: Inspection, desk: Desk, pending: Pending, now: float) -> None:
        before = self._record.unsafe(inspection.run, inspection.lane)
        whole = with_incidents(self._with_pictures(inspection), before, desk.boxes(inspection.lane))
        self._send(topics.INSPECTIONS, whole.lane, whole.to_bytes(), whole.judged_at)
        self._producer.flush()
        self._record.add(whole)
        self._tell(whole)
        del self._questions[whole.inspection_id]
        metrics.INSPECTIONS.labels(whole.lane, whole.verdict).inc()
        metrics.INSPECTION_SECONDS.observe(max(0.0, now - pending.asked))
        logger(SERVICE).info(
            "inspection", lane=whole.lane, verdict=whole.verdict, id=whole.inspection_id, by=whole.by, run=whole.run,
            summary=whole.summary,
        )  # fmt: skip

    def _tell(self, inspection: Inspection) -> None:
        for incident in inspection.incidents:
            self._send(topics.INCIDENTS, incident.incident_id, incident.to_bytes(), incident.changed_at)
        self._producer.flush()

    def _send(self, topic: str, key: str, value: bytes, at: int) -> None:
        self._producer.send(topic, value, key=key, timestamp_ms=at // 1_000_000)

    def _with_pictures(self, inspection: Inspection) -> Inspection:
        cameras = [word.model_copy(update={"picture": self._picture(inspection, word)}) for word in inspection.cameras]
        return inspection.model_copy(update={"cameras": cameras})

    def _picture(self, inspection: Inspection, word: CameraInspection) -> str | None:
        zone = next(zone for camera, zone in self._site.lane(inspection.lane) if camera.id == word.camera)
        if word.frame is None or word.frame.topic != topics.FRAMES or word.frame.partition < 0:
            return None
        try:
            found = self._bus.read(word.frame.topic, word.frame.partition, word.frame.offset)
            if found is None:
                raise PoisonMessageError("frame-gone", "retention has removed the frame")
            picture = draw(Frame.from_record(found).jpeg, inspection, word, zone)
            return self._evidence.put(picture_name(inspection, word.camera), picture)
        except (PoisonMessageError, BusError, OSError) as error:
            # An answer without a picture is worth more than none.
            metrics.ERRORS.labels(SERVICE, "evidence").inc()
            logger(SERVICE).warning("inspection without picture", id=inspection.inspection_id, reason=str(error))
            return None
