"""All changes by their names."""

from collections.abc import Callable, Iterator, Mapping

from training.day import light, video, weather
from training.day.frames import Make
from training.scenes.canvas import Picture
from training.scenes.scene import FPS, Scene

# A change begins when the memory has learned the road for so long.
BEGIN_S = 84.0
Pictures = Iterator[Picture]
Whole = Callable[[Scene, Pictures], Pictures]


def _from(make: Make, begin_s: float = BEGIN_S) -> Whole:
    def whole(scene: Scene, pictures: Pictures) -> Pictures:
        change = make(scene)
        for index, picture in enumerate(pictures):
            time_s = index / FPS - begin_s
            yield change(picture, time_s, index) if time_s >= 0 else picture

    return whole


CHANGES: Mapping[str, Whole] = {
    "exposure jumps": _from(light.exposure),
    "lamps flicker": _from(light.flicker),
    "dusk with headlights": _from(light.dusk),
    "night with headlights": _from(light.night, 0.0),
    "street lamps go on": _from(light.street_lamps),
    "sun comes out": _from(light.sun),
    "clouds drift": _from(light.clouds),
    "low sun": _from(light.glare),
    "drops on the lens": _from(weather.drops),
    "rain begins": _from(weather.wet),
    "snow falls and lies": _from(weather.snow),
    "fog comes": _from(weather.fog),
    "mast settles": _from(video.settled),
    "infrared goes on": _from(video.infrared),
    "clock in the picture": _from(video.clock, 0.0),
    "H.264 at 500 kbit/s": lambda scene, pictures: video.coded(500_000)(pictures),
    "H.264 at 200 kbit/s": lambda scene, pictures: video.coded(200_000)(pictures),
}
