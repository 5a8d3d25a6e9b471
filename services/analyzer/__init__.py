"""The analyzer: detections in, tracks and incidents out. One owner per camera, event time only."""
