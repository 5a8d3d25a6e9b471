"""The condition of a camera's pictures: frozen, black, overexposed, blurred, covered, moved; docs/camera-health.md."""

from services.detector.health.meter import HealthMeter
from services.detector.health.watch import HealthWatch

__all__ = ["HealthMeter", "HealthWatch"]
