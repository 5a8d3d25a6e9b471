"""The condition of one camera's pictures, picture by picture, by event time alone."""

import base64
import binascii
import zlib

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, JsonValue

from services.detector.health.cover import COVERED_LIMIT
from services.detector.health.field import Reference
from services.detector.health.lasting import Lasting
from services.detector.health.measures import Measures, measure
from services.detector.health.still import Stillness
from services.detector.health.view import NOTHING, Rows, Seen, ViewWatch
from shared.clock import NS
from shared.condition import PictureFault, PictureFaultKind, PictureHealth

# Twice or three times a second is enough for what must last for seconds, and costs a third.
_EVERY_NS = 350_000_000
# After a gap in the stream nothing is compared with what was before; a step back by more is another time line.
_GAP_NS, _BACK_NS = 30 * NS, 2 * NS

# How long each must last and be gone. Lightning, the beam of a headlight and a lorry that passes are shorter.
_LASTS: dict[PictureFaultKind, tuple[int, int]] = {
    "frozen": (0, 2 * NS),  # the time is in `still`
    "black": (3 * NS, 3 * NS),
    "overexposed": (5 * NS, 5 * NS),  # a camera's exposure control needs 2 to 4 s after a tunnel's end or a lamp
    "blurred": (10 * NS, 10 * NS),  # an autofocus that hunts is done sooner
    "covered": (10 * NS, 5 * NS),  # a lorry that creeps past close by takes 5 to 8 s
    "moved": (4 * NS, 4 * NS),  # gusts shake for less
}
# Brightest parts and contrast of a black picture; a night with lamps has brighter parts.
_BLACK, _FLAT = 0.1, 0.03
# Share of white pixels; the sun beside the lens or snow leave more than half of the picture.
_WHITE = 0.6
# A soft picture from the start; clear ones reach 0.6 to 1, a lens that blurs a point to 8 of 1280 pixels 0.4.
_SOFT = 0.45
# Less than this share of the camera's own sharpness.
_SOFTER = 0.66
# Weaker edges are as much noise as picture.
_LEAST_EDGE = 4.0
_DIM = 0.1
# How fast the sharpness of the reference follows: up within a minute, down within an hour.
_UP, _DOWN = 0.007, 0.0001


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid")

    view: str
    shape: tuple[int, int]
    reference: str
    first: str
    light: list[list[float]]
    own: list[list[float]] | None = None  # states before it was known have none
    usual: float
    peak: float
    drift: tuple[float, float]
    sharp: float | None
    noise: float
    known: int
    longest: int
    faults: list[tuple[PictureFaultKind, int]]


class HealthMeter:
    """Health of one camera in one run. Pictures come in order of capture.

    Example:
        >>> meter = HealthMeter()
        >>> black = np.zeros((360, 640, 3), np.uint8)
        >>> [fault.kind for at in range(5) if (health := meter.step(black, at * NS)) for fault in health.faults]
        ['black', 'black']
    """

    def __init__(self, view: str = "") -> None:
        """`view` names what the reference view is good for, such as a digest of the camera's zones: with another
        name a saved state is not taken over, for zones that were drawn anew fit the view as it is then."""
        self._name = view
        self._view = ViewWatch()
        self._still = Stillness()
        self._sharp: float | None = None
        self._soft: list[float] = []
        self._lasting = {kind: Lasting(*times) for kind, times in _LASTS.items()}
        self._details: dict[PictureFaultKind, str] = {}
        self._last: int | None = None

    def measures(self, captured_at: int) -> bool:
        """Whether a picture of this time, UTC ns, would be measured."""
        return self._last is None or not -_BACK_NS <= captured_at - self._last < _EVERY_NS

    def step(
        self, picture: NDArray[np.uint8], captured_at: int, things: Rows = NOTHING
    ) -> PictureHealth | None:  # fmt: skip
        """Take one (H, W, 3) uint8 RGB picture; None when it is not measured (most are not, late ones never).

        `things`: boxes of what may leave and is not part of the view: all but fixtures.
        """
        if not self.measures(captured_at):
            return None
        if self._last is not None:
            elapsed = captured_at - self._last
            if elapsed < 0 or elapsed > _GAP_NS:
                self._pause(elapsed < 0)
        self._last = captured_at
        return self._judge(measure(picture), captured_at, things)

    def _judge(self, m: Measures, now: int, things: Rows) -> PictureHealth:
        black = m.highlight < _BLACK and m.contrast < _FLAT
        white = m.clipped >= _WHITE
        seen = self._view.take(m, not (black or white), now, things)
        frozen_since = self._still.take(m.sample, m.brightness < _DIM or m.edge < _LEAST_EDGE, now)
        self._take("frozen", frozen_since is not None, now, "the picture does not change", frozen_since)
        self._take("black", black, now, f"brightest parts {m.highlight:.0%} (limit {_BLACK:.0%})")
        self._take("overexposed", white, now, f"{m.clipped:.0%} of the picture is white (limit {_WHITE:.0%})")
        self._blurred(m, seen, black or white, now)
        lost = "nothing but a smooth surface is in view" if seen.lost == 1 else (
            f"{seen.lost:.0%} of the reference view's structure is hidden (limit {COVERED_LIMIT:.0%})"
        )  # fmt: skip
        self._take("covered", seen.covered, now, lost)
        self._take("moved", seen.moved, now, seen.why)
        faults = [
            PictureFault(kind=kind, since=item.since, detail=self._details.get(kind, ""))
            for kind, item in self._lasting.items()
            if item.is_open and item.since is not None
        ]
        shift = None if seen.shift is None else (round(seen.shift[0], 4), round(seen.shift[1], 4))
        return PictureHealth(
            faults=faults,
            suspected=[
                kind
                for kind, item in self._lasting.items()
                if not item.is_open and (item.since is not None or (kind == "covered" and seen.hides))
            ],
            brightness=round(m.brightness, 4),
            contrast=round(m.contrast, 4),
            sharpness=round(m.sharpness / (self._sharp or m.sharpness or 1.0), 4),
            shift=shift,
        )

    def _take(
        self, kind: PictureFaultKind, bad: bool | None, now: int, detail: str, since: int | None = None
    ) -> None:  # fmt: skip
        lasting = self._lasting[kind]
        was_open = lasting.is_open
        if lasting.take(bad, now, since) and bad and not was_open:
            self._details[kind] = detail

    def _blurred(self, m: Measures, seen: Seen, unusable: bool, now: int) -> None:
        limit = max(_SOFT, _SOFTER * (self._sharp or 0.0))
        bad: bool | None = m.sharpness < limit
        if unusable or m.edge < _LEAST_EDGE or seen.covered or (seen.moved and not bad):
            bad = None
        self._take("blurred", bad, now, f"sharpness {m.sharpness:.2f} (limit {limit:.2f})")
        if bad is False and seen.moved is False:
            self._learn_sharpness(m.sharpness)

    def _learn_sharpness(self, sharpness: float) -> None:
        if self._sharp is None:
            self._soft.append(sharpness)
            if self._view.reference is not None and len(self._soft) >= 8:
                self._sharp, self._soft = float(np.median(self._soft)), []
            elif len(self._soft) > 50:
                del self._soft[0]
        else:
            self._sharp += (_UP if sharpness > self._sharp else _DOWN) * (sharpness - self._sharp)

    def _pause(self, back: bool) -> None:
        self._view.pause()
        self._still.pause()
        for item in self._lasting.values():
            item.pause()
            if back:  # the times of another time line mean nothing on this one
                item.since, item.is_open = None, False

    def state(self) -> JsonValue:
        """The reference view and what is open, as plain JSON data of some tens of KB; None before it is learned."""
        view = self._view
        if view.reference is None or view.first is None or view.light is None or view.own is None:
            return None
        state = _State(
            view=self._name,
            shape=(view.reference.field.shape[0], view.reference.field.shape[1]),
            reference=_packed(view.reference),
            first=_packed(view.first),
            light=_rounded(view.light),
            own=_rounded(view.own),
            usual=view.usual,
            peak=view.peak,
            drift=view.drift,
            sharp=self._sharp,
            noise=self._still.noise,
            known=self._still.known,
            longest=self._still.longest,
            faults=[(k, item.since) for k, item in self._lasting.items() if item.is_open and item.since is not None],
        )
        return state.model_dump(mode="json")

    def restore(self, value: JsonValue) -> bool:
        """Go on from a `state()` of the same camera; call it on a new meter only.

        Returns:
            False: the state is of another view, and nothing of it was taken over.

        Raises:
            ValueError: no such state.
        """
        if value is None:
            return False
        saved = _State.model_validate(value)
        reference, first = (_unpacked(text, saved.shape) for text in (saved.reference, saved.first))
        if saved.view != self._name:
            return False
        view = self._view
        view.reference, view.first, view.light = reference, first, np.array(saved.light, np.float32)
        view.own = np.ones_like(view.light) if saved.own is None else np.array(saved.own, np.float32)
        view.usual, view.peak, view.drift, self._sharp = saved.usual, saved.peak, saved.drift, saved.sharp
        still = self._still
        still.noise, still.known, still.longest = saved.noise, saved.known, saved.longest
        for kind, since in saved.faults:
            self._lasting[kind].since, self._lasting[kind].is_open = since, True
        return True


def _rounded(cells: NDArray[np.float32]) -> list[list[float]]:
    return [[round(float(value), 2) for value in row] for row in cells]


def _packed(reference: Reference) -> str:
    return base64.b64encode(zlib.compress(reference.packed().tobytes(), 6)).decode()


def _unpacked(text: str, shape: tuple[int, int]) -> Reference:
    try:
        values = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), np.int8)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"not a reference view: {error}") from None
    return Reference.unpacked(values.reshape(*shape, 2))
