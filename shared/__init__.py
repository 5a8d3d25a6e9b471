"""What several services speak: messages, site files, settings, the bus, the store and telemetry."""
