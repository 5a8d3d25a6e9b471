"""The detector: frames in, boxes out. Stateless, so any number of workers share the cameras."""
