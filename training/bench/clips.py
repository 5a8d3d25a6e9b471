"""Clips for benchmarks: the first frames of one, and one scaled to another size."""

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


def scaled(source: str | Path, size: tuple[int, int], frames: int, folder: Path) -> Path:
    """The first frames of a clip at another width and height, as H.264 in `folder`.

    Raises:
        OSError: the clip cannot be read.
    """
    width, height = size
    target = folder / f"{Path(source).stem}-{width}x{height}.mp4"
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        coded = writer.add_stream("libx264", rate=stream.average_rate, options={"preset": "veryfast", "crf": "23"})
        coded.width, coded.height, coded.pix_fmt = width, height, "yuv420p"
        for frame, _ in zip(reader.decode(stream), range(frames), strict=False):
            writer.mux(coded.encode(frame.reformat(width=width, height=height)))
        writer.mux(coded.encode(None))
    return target
