"""`animal-on-lane`: an animal (no bird, unless the site says so) on a lane, runway or taxiway for 1 s.

Opens, holds and closes as `presence.PresenceRule` says.
"""

from typing import ClassVar

from services.analyzer.rules.presence import PresenceRule


class AnimalOnLane(PresenceRule):
    """Opens for animals; a herd that stays together is one incident."""

    incident: ClassVar[str] = "animal-on-lane"
