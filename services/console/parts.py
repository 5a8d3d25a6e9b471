"""What the routers work with: built once by `app.py`, handed to each request."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from services.console.feed import Dependencies
from services.console.inspections import Asker, InspectionBook
from services.console.lanes import LaneBook
from services.console.live import Fanout
from services.console.pictures import Pictures
from services.console.sending import Sender
from services.console.stands import StandBook
from services.console.wall import Wall
from shared.messages import Alert
from shared.store import Store
from shared.telemetry.health import Health


@dataclass(frozen=True)
class Parts:
    """The parts of one console.

    Attributes:
        evidence: folder of the evidence pictures.
        timezone: of the site, for reports.
        run: the run that this console shows; None for live.
    """

    store: Store
    wall: Wall
    lanes: LaneBook
    inspections: InspectionBook
    asker: Asker
    sender: Sender
    stands: StandBook
    pictures: Pictures
    fanout: Fanout
    dependencies: Dependencies
    health: Health
    evidence: Path
    run: str | None
    timezone: str

    def evidence_file(self, name: str) -> Path | None:
        """An evidence picture by its file name; None when there is none, or only a link that leads elsewhere."""
        folder = self.evidence.resolve()
        path = (folder / name).resolve()
        return path if path.parent == folder and path.is_file() else None

    def alerts(self) -> list[Alert]:
        """Alerts of this console's run, newest detection first.

        Raises:
            StoreError: Redis does not answer.
        """
        return [alert for alert in self.store.alerts() if alert.run == self.run]

    def alert(self, alert_id: str) -> Alert | None:
        """One alert of this console's run.

        Raises:
            StoreError: Redis does not answer.
        """
        found = self.store.alert(alert_id)
        return found if found is not None and found.run == self.run else None


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


Console = Annotated[Parts, Depends(_parts)]
