"""The inspections of `wayside run`: those that the site plans and those that the command asks for, by event time."""

from collections.abc import Sequence

from services.inspector.answer import open_unsafe, with_incidents
from services.inspector.desk import Desk
from services.inspector.opens import OpenIncidents
from services.inspector.pictures import draw, picture_name
from services.outputs import RunOutputs
from shared.clock import NS, incident_id
from shared.exceptions import ConfigError
from shared.frames import Frame
from shared.inspection import Inspection, InspectionRequest
from shared.messages import FrameRef, Incident, Tracks
from shared.site import Site


class RunInspections:
    """Asks, answers and writes; the frames that an answer may show are kept while a question waits for them."""

    def __init__(self, site: Site, run: str | None, asked: Sequence[InspectionRequest], outputs: RunOutputs) -> None:
        self._site, self._run, self._outputs = site, run, outputs
        self._incidents = OpenIncidents()
        self._desk = Desk(site, run, self._incidents)
        self._jpegs: dict[tuple[str, int], bytes] = {}
        self._last: dict[str, Inspection] = {}
        for request in asked:
            self._desk.ask(request)

    def step(self, frame: Frame, tracks: Tracks | None, incidents: Sequence[Incident]) -> int:
        """Take in one frame's results; returns how many alerts opened."""
        if tracks is None:
            return 0
        for incident in incidents:
            self._incidents.hear(incident)
        for request in self._desk.see(tracks):
            self._desk.ask(request)
        if self._desk.wants(frame.camera, frame.captured_at):
            self._jpegs[(frame.camera, frame.captured_at)] = frame.jpeg
        elif not self._desk.waiting:
            self._jpegs.clear()
        answers = [self._desk.judge(pending) for pending in self._desk.due()]
        return sum(self._write(answer) for answer in answers if answer is not None)

    def close(self) -> int:
        """The clips have ended: answer what still waits, from what there is; returns how many alerts opened."""
        return sum(self._write(answer) for answer in self._desk.close())

    def _write(self, answer: Inspection) -> int:
        pictures: dict[str, bytes] = {}
        words = []
        zones = {camera.id: zone for camera, zone in self._site.lane(answer.lane)}
        for word in answer.cameras:
            jpeg = self._jpeg(word.camera, word.frame)
            if jpeg is not None:
                name = picture_name(answer, word.camera)
                pictures[name] = draw(jpeg, answer, word, zones[word.camera])
                word = word.model_copy(update={"picture": f"evidence/{name}.jpg"})
            words.append(word)
        answer = answer.model_copy(update={"cameras": words})
        before = open_unsafe(self._last.get(answer.lane))
        answer = with_incidents(answer, before, self._desk.boxes(answer.lane))
        self._last[answer.lane] = answer
        shown = answer.incidents[-1]
        return self._outputs.write_inspection(answer, pictures, self._jpeg(shown.camera, shown.frame))

    def _jpeg(self, camera: str, frame: FrameRef | None) -> bytes | None:
        return self._jpegs.get((camera, frame.captured_at)) if frame else None


def asked_in(texts: Sequence[str], site: Site, run: str | None, start_ns: int) -> list[InspectionRequest]:
    """The questions of `--inspect LANE@SECONDS`, seconds from the start of the clips.

    Raises:
        ConfigError: not of this form, or no such lane.
    """
    requests = []
    for text in texts:
        lane, _, seconds = text.rpartition("@")
        try:
            at = start_ns + round(float(seconds) * NS)
        except (ValueError, OverflowError):
            at = -1
        if not lane or at < 0:
            raise ConfigError(f"--inspect {text!r}: write it as LANE@SECONDS, such as rush-hour-lane@30")
        if not site.lane(lane):
            raise ConfigError(f"--inspect {text!r}: no lane has the id {lane!r}; known: {', '.join(site.lanes())}")
        identity = incident_id(run, site.site, "", lane, "inspect", at)
        requests.append(InspectionRequest(request_id=identity, lane=lane, run=run, at=at, by="wayside run"))
    return requests
