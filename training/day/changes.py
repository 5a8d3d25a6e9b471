"""All changes by their names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from training.day import light, video, weather
from training.day.frames import Make
from training.scenes.canvas import Picture
from training.scenes.scene import FPS, Scene

# A change begins when the memory has learned the road for so long.
BEGIN_S = 84.0
Pictures = Iterator[Picture]


@dataclass(frozen=True, slots=True)
class Pictured:
    """What is done to one picture after the other, from some second of the scene on."""

    make: Make
    begin_s: float = BEGIN_S

    def __call__(self, scene: Scene, pictures: Pictures) -> Pictures:
        """The scene's pictures with the change."""
        change = self.make(scene)
        for index, picture in enumerate(pictures):
            time_s = index / FPS - self.begin_s
            yield change(picture, time_s, index) if time_s >= 0 else picture


@dataclass(frozen=True, slots=True)
class Coded:
    """A codec, from the first picture on."""

    bits_per_s: int

    def __call__(self, scene: Scene, pictures: Pictures) -> Pictures:
        """The scene's pictures as they come out of it."""
        return video.coded(pictures, self.bits_per_s)


CHANGES: Mapping[str, Pictured | Coded] = {
    "exposure jumps": Pictured(light.exposure),
    "lamps flicker": Pictured(light.flicker),
    "dusk with headlights": Pictured(light.dusk),
    "night with headlights": Pictured(light.night, 0.0),
    "street lamps go on": Pictured(light.street_lamps),
    "sun comes out": Pictured(light.sun),
    "clouds drift": Pictured(light.clouds),
    "low sun": Pictured(light.glare),
    "drops on the lens": Pictured(weather.drops),
    "rain begins": Pictured(weather.wet),
    "snow falls and lies": Pictured(weather.snow),
    "fog comes": Pictured(weather.fog),
    "mast settles": Pictured(video.settled),
    "infrared goes on": Pictured(video.infrared),
    "clock in the picture": Pictured(video.clock, 0.0),
    "H.264 at 500 kbit/s": Coded(500_000),
    "H.264 at 200 kbit/s": Coded(200_000),
}
