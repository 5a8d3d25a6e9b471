"""Staged scenes with known truth: a generated road, and real clips with a vehicle that stops."""
