"""`person-on-lane`: a person on foot on a lane, runway or taxiway for 1 s.

Opens, holds and closes as `presence.PresenceRule` says.
"""

from typing import ClassVar

from services.analyzer.rules.presence import PresenceRule


class PersonOnLane(PresenceRule):
    """Opens for persons who do not ride; people who stand together are one incident."""

    incident: ClassVar[str] = "person-on-lane"
