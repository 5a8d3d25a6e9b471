"""Which sink gets which alert."""

from services.alerts.lifecycle import AlertEvent
from shared.catalogue import SEVERITIES
from shared.site import Sink


def concerns(sink: Sink, event: AlertEvent) -> bool:
    """Whether a sink of the site is told of an alert's change.

    A replay (an alert with a `run`) never reaches a live sink: nobody is called out for last night. Of an alert that an
    operator has dismissed a sink hears that it was, and then no more, unless the operator takes that back.
    """
    alert = event.alert
    if alert.status == "dismissed" and event.change != "dismissed":
        return False
    return alert.run is None and SEVERITIES.index(alert.severity) >= SEVERITIES.index(sink.min_severity)
