"""The alerts service: incidents in; alerts with evidence out, to the alerts topic, Redis and the site's sinks."""
