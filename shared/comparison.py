"""The message that says how a candidate differs from the model in production, on the frames of one camera."""

from typing import Literal

from pydantic import Field

from shared.clock import Ns
from shared.messages import Message


class ClassComparison(Message):
    """The boxes of one class."""

    label: str
    agreed: int = Field(ge=0, description="pairs of boxes that overlap by half of their union or more")
    only_production: int = Field(ge=0, description="boxes of the model in production without a partner")
    only_candidate: int = Field(ge=0, description="boxes of the candidate without a partner")
    mean_iou: float | None = Field(description="overlap of the pairs: intersection over union")
    mean_score_difference: float | None = Field(description="of the pairs, candidate minus production")


class HeadComparison(Message):
    """One head on the frames that both versions judged."""

    name: str
    production: str = Field(description="version whose answers were published")
    candidate: str = Field(description="version that ran in its shadow")
    frames: int = Field(ge=1, description="frames that both judged")
    agreed: int = Field(ge=0, description="frames with the same label")
    only_production: int = Field(ge=0, description="frames that only the version in production calls not normal")
    only_candidate: int = Field(ge=0, description="frames that only the candidate calls not normal")
    mean_difference: float = Field(
        description="of the probability of any state but the normal one, candidate minus production"
    )


class ModelComparison(Message):
    """Two models on the same frames of one camera, within one minute of event time."""

    schema_: Literal["wayside.model-comparison/1"] = Field("wayside.model-comparison/1", alias="schema")
    camera: str
    run: str | None = None
    start: Ns = Field(description="capture time of the first frame")
    end: Ns = Field(description="capture time of the last frame")
    production: str = Field(description="version whose results were published")
    candidate: str = Field(description="version that ran in its shadow")
    frames: int = Field(ge=1, description="frames that both saw")
    min_score: float = Field(description="weaker boxes are left out")
    production_ms: float = Field(ge=0, description="mean time per frame, milliseconds")
    candidate_ms: float = Field(ge=0, description="mean time per frame, milliseconds")
    classes: list[ClassComparison] = Field(description="the classes that one of the two has found, by name")
    heads: list[HeadComparison] = Field([], description="the heads that judged in both, by name and versions")
