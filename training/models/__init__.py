"""Registered models: what is made of a training, and which version is in production."""
