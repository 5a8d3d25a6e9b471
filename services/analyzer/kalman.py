"""The Kalman filter of one tracked box, in plain floats: the same numbers as the library's, a tenth of the time.

ByteTrack's filter has a constant-velocity state per box edge. Its noise is the same for the four edges and couples
none of them, so that the library's 8x8 covariance is four times the same 2x2 block. Three numbers hold it, and the
arithmetic on them costs less than one call of numpy.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from trackers.utils.motion_models import _NOMINAL_FRAME_STEP_TOLERANCE, _NOMINAL_FRAME_STEP_TOLERANCE_SECONDS
from trackers.utils.state_representations import BaseStateEstimator


class EdgeFilter(BaseStateEstimator):
    """Drop-in for the library's `XYXYStateEstimator` where its noise matrices are multiples of the identity.

    Attributes:
        position: the box's edges x1, y1, x2, y2, pixels.
        velocity: of each edge, pixels per nominal frame.
        covariance: variance of the position, covariance with the velocity, variance of the velocity.
    """

    def __init__(self, bbox: NDArray[np.float32]) -> None:
        self.position: list[float] = bbox.tolist()
        self.velocity: list[float] = [0.0, 0.0, 0.0, 0.0]
        self.covariance: tuple[float, float, float] = (1.0, 0.0, 1.0)
        # The library's tracklet takes these from `kf` as identity matrices and scales them.
        self.measurement_noise = 1.0
        self.process_noise = 1.0
        self.kf: Any = self

    def set_kf_covariances(
        self, measurement_noise: Any = None, process_noise: Any = None, state_covariance: Any = None
    ) -> None:
        """Take the scaled noise; each is the factor of an identity matrix."""
        self.measurement_noise = self.measurement_noise if measurement_noise is None else measurement_noise
        self.process_noise = self.process_noise if process_noise is None else process_noise
        if state_covariance is not None:
            self.covariance = (state_covariance, 0.0, state_covariance)

    def predict(self, frame_step: float = 1.0, frame_rate: float | None = None) -> None:
        """Move on by `frame_step` nominal frames (see the library's `ScalableProcessNoise.build_Q`)."""
        tolerance = _NOMINAL_FRAME_STEP_TOLERANCE_SECONDS * frame_rate if frame_rate else _NOMINAL_FRAME_STEP_TOLERANCE
        q, dt = self.process_noise, frame_step
        if abs(dt - 1.0) <= tolerance:
            q_pp, q_pv, q_vv = q, 0.0, q
        else:
            q_pp, q_pv, q_vv = q * dt**4 / 4.0, q * dt**3 / 2.0, q * dt * dt
        self.position = [edge + dt * speed for edge, speed in zip(self.position, self.velocity, strict=True)]
        pp, pv, vv = self.covariance
        moved = pv + dt * vv
        self.covariance = (pp + dt * pv + dt * moved + q_pp, moved + q_pv, vv + q_vv)

    def update(self, bbox: NDArray[np.float32] | None) -> None:
        """Take a measured box; None leaves the prediction."""
        if bbox is None:
            return
        pp, pv, vv = self.covariance
        noise = self.measurement_noise
        gain, gain_v = pp / (pp + noise), pv / (pp + noise)
        innovations = [seen - edge for seen, edge in zip(bbox.tolist(), self.position, strict=True)]
        self.position = [edge + gain * off for edge, off in zip(self.position, innovations, strict=True)]
        self.velocity = [speed + gain_v * off for speed, off in zip(self.velocity, innovations, strict=True)]
        # Joseph form, as the library has it.
        rest = 1.0 - gain
        crossed = pv - gain_v * pp
        self.covariance = (
            rest * rest * pp + gain * gain * noise,
            rest * crossed + gain * gain_v * noise,
            vv - gain_v * pv - gain_v * crossed + gain_v * gain_v * noise,
        )

    def state_to_bbox(self) -> NDArray[np.float64]:
        """The box, (4,) pixels."""
        return np.array(self.position)

    def bbox_to_measurement(self, bbox: NDArray[np.float32]) -> NDArray[np.float32]:
        """A box is its own measurement."""
        return bbox

    def clamp_velocity(self, frame_step: float = 1.0) -> None:
        """Nothing to clamp: edges may move as they like."""

    def _create_filter(self, bbox: NDArray[np.float32]) -> Any:
        return self

    def get_state(self) -> dict[str, Any]:
        """Plain JSON; `set_state` restores it exactly."""
        return {"position": self.position, "velocity": self.velocity, "covariance": list(self.covariance)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where `get_state` was."""
        self.position, self.velocity = list(state["position"]), list(state["velocity"])
        pp, pv, vv = state["covariance"]
        self.covariance = (pp, pv, vv)
