"""A model in whole numbers of 8 bits for OpenVINO: post-training quantisation by NNCF.

Weights and activations are rounded to 256 steps each, whose ends are what typical pictures need (Jacob et al.,
"Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018). A processor
without AMX then needs half of its time per picture; one with AMX is faster in bfloat16.
"""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from services.detector.backends.agreement import as_input
from services.detector.backends.cache import quantised_file
from shared.exceptions import ConfigError, InputError, ModelError

# Fewer leave out what the site's nights and rains look like; more change nothing and take longer.
LEAST, MOST = 10, 300


def quantise(graph: Path, pictures: Sequence[Path], imgsz: int, stride: int) -> Path:
    """Write the quantised graph beside an exported one, where the detector looks for it; returns its file.

    Args:
        pictures: of the cameras, in all their lights; of more than `MOST` every n-th is taken.
        imgsz, stride: see `Letterbox.fit`.

    Raises:
        ConfigError: NNCF is not installed.
        InputError: fewer pictures than `LEAST`, or one that cannot be read.
        ModelError: the file cannot be written.
    """
    try:
        import nncf
    except ImportError as error:
        raise ConfigError(
            f"--calibrate needs the package nncf ({error}); install Wayside with its extra `int8`"
        ) from None
    if len(pictures) < LEAST:
        raise InputError(f"--calibrate: {len(pictures)} pictures, at least {LEAST} are needed, better a hundred")
    chosen = pictures[:: -(-len(pictures) // MOST)]
    inputs = [_input(path, imgsz, stride)[None] for path in chosen]
    logging.getLogger("nncf").setLevel(logging.ERROR)
    # Converted, not read: that joins x * sigmoid(x) to one operation, which must not be rounded in its middle.
    model = openvino.convert_model(graph)
    quantised = nncf.quantize(
        model, nncf.Dataset(inputs), preset=nncf.QuantizationPreset.MIXED, subset_size=len(inputs)
    )
    file = quantised_file(graph)
    try:
        with tempfile.TemporaryDirectory(prefix=f"{file.name}.", dir=file.parent) as folder:
            part = Path(folder) / file.name
            openvino.save_model(quantised, part)
            # The numbers first: a worker takes the pair once the graph itself is there.
            for one in (part.with_suffix(".bin"), part):
                one.replace(file.with_name(one.name))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{file}: cannot be written ({str(error).splitlines()[0]})") from None
    return file


def _input(path: Path, imgsz: int, stride: int) -> NDArray[np.uint8]:
    try:
        return as_input(path, imgsz, stride)
    except OSError as error:
        raise InputError(f"--calibrate: {error}") from None
