"""The producer: cameras, clips and pictures in, frames out."""

from services.producer.reader import SourceInfo, probe, read_once

__all__ = ["SourceInfo", "probe", "read_once"]
