"""Clips for benchmarks."""

from pathlib import Path

import av


def cut(source: str | Path, frames: int, folder: Path) -> Path:
    """The first frames of a clip as a file of its own, in `folder`; not encoded anew.

    Raises:
        OSError: the clip cannot be read.
    """
    target = folder / f"{Path(source).stem}-{frames}.mp4"
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        packets = (packet for packet in reader.demux(stream) if packet.dts is not None)
        for packet, _ in zip(packets, range(frames), strict=False):
            packet.stream = copy
            writer.mux(packet)
    return target
