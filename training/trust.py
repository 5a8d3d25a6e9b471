"""Whether pickled weights may be opened with whatever they hold: in trainings as in detectors, only when told so."""

from shared.settings import load_settings


def trusted() -> bool:
    """What `WAYSIDE_TRUST_WEIGHTS` says; see `services.detector.backends.network.load_network`."""
    return load_settings().trust_weights
