"""Faults that are put into good material on purpose, with known truth."""
