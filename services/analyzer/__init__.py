"""The analyzer: detections in, tracks, incidents and lane statistics out. One owner per camera, event time only."""
