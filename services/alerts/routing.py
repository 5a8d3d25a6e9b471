"""Which sink gets which alert."""

from shared.catalogue import SEVERITIES
from shared.messages import Alert
from shared.site import Sink


def concerns(sink: Sink, alert: Alert) -> bool:
    """Whether a sink of the site is told of an alert.

    A replay (an alert with a `run`) never reaches a live sink: nobody is called out for last night.
    """
    return alert.run is None and SEVERITIES.index(alert.severity) >= SEVERITIES.index(sink.min_severity)
