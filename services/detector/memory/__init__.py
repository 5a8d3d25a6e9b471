"""The memory of the empty road, one per camera: what looks otherwise and stays is an obstacle, whatever it is."""
