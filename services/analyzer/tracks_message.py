"""The message about the tracks of one frame."""

from collections.abc import Sequence

from services.analyzer.scene import TrackView
from shared.messages import Detections, TrackedObject, Tracks


def tracks_of(detections: Detections, views: Sequence[TrackView]) -> Tracks:
    """What the analyzer tells of one frame's tracks."""
    return Tracks.model_construct(
        schema_="wayside.tracks/1",
        camera=detections.camera,
        seq=detections.seq,
        run=detections.run,
        frame=detections.frame,
        width=detections.width,
        height=detections.height,
        objects=[
            TrackedObject(  # the validating constructor is compiled; `model_construct` is Python and slower
                track_id=view.track_id,
                label=view.label,
                score=view.score,
                box=view.box,
                zones=[zone.id for zone in view.zones],
                speed=round(view.speed or 0.0, 3),
                speed_kmh=view.speed_kmh,
            )
            for view in views
        ],
        heads=detections.heads,
        surface=detections.surface,
        health=detections.health,
    )
