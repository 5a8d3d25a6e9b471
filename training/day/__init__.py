"""What changes over a day on a road where nothing happens: light, weather, the lens, the video."""
