"""The detector: frames in, boxes out. Stateless, so any number of workers share the cameras."""

import os

# Ultralytics else probes the internet when imported and sends usage events: not from a control room's network.
# The download of weights does not depend on it.
os.environ.setdefault("YOLO_OFFLINE", "true")

SERVICE = "detector"
