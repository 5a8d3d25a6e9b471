"""How the things of a staged scene move: pure functions of time."""

from collections.abc import Callable

import numpy as np

from training.scenes.places import Place

# Firm, not an emergency: metres per second squared.
_BRAKING = 4.0

# A vehicle whose foot is that near, in shares of the nearest visible ground, is out of the picture with its roof.
_GONE = 0.6

Path = Callable[[float], tuple[float, float] | None]
"""Seconds → lanes to the right of the first line, metres ahead; None while it is not there."""


def drive(x: float, start: float, speed: float, place: Place) -> Path:
    """Comes along a lane at constant speed and leaves the picture below."""

    def path(time_s: float) -> tuple[float, float] | None:
        z = place.farthest - speed * (time_s - start)
        return (x, z) if time_s >= start and z > place.nearest * _GONE else None

    return path


def brake(x: float, z: float, place: Place, arrive: float, leave: float | None) -> Path:
    """Brakes evenly, stands at `z` from `arrive` on, and accelerates away at `leave`."""

    def path(time_s: float) -> tuple[float, float] | None:
        if time_s < arrive:
            at = z + _BRAKING / 2 * (arrive - time_s) ** 2
            return (x, at) if at < place.farthest else None
        at = z if leave is None or time_s < leave else z - 0.75 * (time_s - leave) ** 2
        return (x, at) if at > place.nearest * _GONE else None

    return path


def reverse(x: float, z: float, place: Place, arrive: float, start: float) -> Path:
    """Brakes, stands, then drives back up its lane: 2 m/s² up to 8 m/s."""
    there = brake(x, z, place, arrive, None)

    def path(time_s: float) -> tuple[float, float] | None:
        if time_s < start:
            return there(time_s)
        past = time_s - start
        at = z + (past**2 if past < 4 else 16 + 8 * (past - 4))
        return (x, at) if at < place.farthest else None

    return path


def pull_in(x: float, beside: float, z: float, place: Place, arrive: float, leave: float) -> Path:
    """Comes down the lane `beside`, pulls into lane position `x` just past what stands there, stops, drives on."""

    def path(time_s: float) -> tuple[float, float] | None:
        left = max(arrive - time_s, 0.0)
        gone = max(time_s - leave, 0.0)
        at = z + 0.75 * left**2 - 0.75 * gone**2
        share = min(max((2.6 - left) / 2.4, 0.0), 1.0)
        across = beside + (x - beside) * share**2 * (3 - 2 * share)
        return (across, at) if place.nearest * _GONE < at < place.farthest else None

    return path


def cross(z: float, start: float, speed: float, lanes: int, *, leftwards: bool) -> Path:
    """Flies over the road, `speed` in lanes per second."""

    def path(time_s: float) -> tuple[float, float] | None:
        way = (time_s - start) * speed - 1.5
        return (lanes - way if leftwards else way, z) if -1.5 <= way <= lanes + 1.5 else None

    return path


def walk(points: list[tuple[float, float]], z: float) -> Path:
    """Through (time, x) points at a constant distance."""
    times, places = zip(*points, strict=True)
    return lambda time_s: (float(np.interp(time_s, times, places)), z) if times[0] <= time_s <= times[-1] else None


def hold(x: float, z: float, start: float) -> Path:
    """Lies at one place from `start` on."""
    return lambda time_s: (x, z) if time_s >= start else None


def creep(x: float, z: float, times: list[float], places: list[float], place: Place) -> Path:
    """Moves up with its queue: at each of `times` everybody has come `places` metres nearer."""

    def path(time_s: float) -> tuple[float, float] | None:
        at = z - float(np.interp(time_s, times, places))
        return (x, at) if place.nearest * _GONE < at < place.farthest else None

    return path
