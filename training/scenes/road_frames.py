"""The demo's generated road as frame messages, with its truth: staged incidents that need no file but Wayside's own."""

from collections.abc import Iterator

from shared.clock import NS
from shared.frames import Frame
from shared.jpeg import encode_jpeg
from shared.site import Site
from training.scenes.canvas import Canvas, empty_road
from training.scenes.ground import GroundCamera
from training.scenes.road import CAMERA_ID, SECONDS, place, site_of, stage, truth_of
from training.truth import Truth

_QUALITY = 85


def road_scene(seed: int, fps: int) -> tuple[Site, Truth]:
    """Site and truth of the road, whose camera is analysed at `fps` frames per second."""
    site = Site.model_validate(site_of(GroundCamera(), "staged"))
    camera = site.cameras[0].model_copy(update={"fps": float(fps)})
    truth = Truth.model_validate(truth_of(stage(seed)[1], SECONDS))
    return site.model_copy(update={"cameras": [camera]}), truth


def road_frames(seed: int, fps: int) -> Iterator[Frame]:
    """Its frames, through the JPEG that a producer would send; the same seed gives the same ones."""
    camera = GroundCamera()
    canvas = Canvas(camera, empty_road(camera, seed), seed)
    actors, _ = stage(seed)
    for index in range(round(SECONDS * fps)):
        picture = canvas.render(index, place(actors, index / fps))
        jpeg = encode_jpeg(picture, quality=_QUALITY)
        yield Frame(CAMERA_ID, index, index * NS // fps, picture.shape[1], picture.shape[0], jpeg)
