"""What an operator says of an alert: a command on a topic of its own, and the rules by which it counts.

The alerts service is the only writer of the alerts topic, so who judges an alert sends this, and the alerts service
makes an event of it; docs/verdicts.md.
"""

from typing import Annotated, Literal, get_args

from pydantic import Field

from shared.clock import Ns
from shared.inspection import CLEAR, UNSAFE, AskedBy
from shared.messages import Alert, IncidentId, Message, OperatorVerdict

Comment = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,500}$", description="in the operator's words, one line")]
VERDICTS: tuple[OperatorVerdict, ...] = get_args(OperatorVerdict)
# Each stays in the alert, 700 bytes at most in ASCII; nobody changes their mind so often, but a program might.
MOST = 50


class AlertVerdict(Message):
    """An operator has looked at an alert. The same verdict twice is one event."""

    schema_: Literal["wayside.alert-verdict/1"] = Field("wayside.alert-verdict/1", alias="schema")
    verdict_id: IncidentId = Field(description="the same message again is the same verdict")
    alert_id: IncidentId = Field(description="also the message's key")
    verdict: OperatorVerdict = Field(description="acknowledged: seen, and it is one; dismissed: a false alarm")
    by: AskedBy
    at: Ns = Field(description="when it was given, by the clock of who asked; not the event time of any camera")
    comment: Comment | None = None


def refusal(alert: Alert, verdict: OperatorVerdict) -> str | None:
    """Why an alert cannot be judged so; None where it can.

    An alert that has ended can: most last some seconds, and what operators say of them later still teaches the models.
    """
    if verdict == "dismissed" and alert.incident in (UNSAFE, CLEAR):
        return f"{alert.incident} is the answer of an inspection: only another inspection of the lane changes it"
    if len(alert.verdicts) >= MOST:
        return f"the alert has been judged {MOST} times already"
    return None
