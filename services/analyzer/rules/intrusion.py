"""`intrusion`: a person or road vehicle in a restricted zone, a road vehicle on a runway, for 1 s.

Opens, holds and closes as `presence.PresenceRule` says.
"""

from typing import ClassVar

from services.analyzer.rules.presence import PresenceRule


class Intrusion(PresenceRule):
    """Opens for the classes and in the hours of the zone (`classes`, `schedule` of the site)."""

    incident: ClassVar[str] = "intrusion"
