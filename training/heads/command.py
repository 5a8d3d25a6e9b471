"""The body of `wayside train head`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import torch

from services.detector.heads.file import NAME, save_head
from shared.exceptions import ConfigError, ModelError
from shared.settings import load_settings
from training.data.problems import Problems
from training.data.trained import picture_digest, record_of, write_trained
from training.heads.candidates import Candidate, FeatureHead, FrozenBody, Scaled, SmallConvNet, parse
from training.heads.card import spec_of, write_card
from training.heads.compare import compare
from training.heads.crackforest import is_crackforest, read_crackforest
from training.heads.dataset import DataSet
from training.heads.features import Backbone
from training.heads.fit import Plan, Schedule
from training.heads.folder import read_folder
from training.heads.labelled import is_labelled, read_labelled
from training.heads.question import Question
from training.heads.report import write_report
from training.heads.visibility import read_degraded
from training.report import wide_console
from training.start import find_start

# Strides 4, 8 and 16: coarse enough to tell things apart, fine enough to see thin cracks, sharpness and noise.
_LAYERS = (2, 4, 6)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        data: folders or clips.
        degrade: make bad visibility from them.
        candidates: beside the head itself; see `candidates.parse`.
        start: the detector whose features it looks at, as `find_start` takes it.
        imgsz: longer side of whole pictures for the backbone, pixels.
        command: as it was typed.
        device: what computes the features, as in WAYSIDE_DEVICE; the heads themselves, which take seconds, learn on
            the CPU.
    """

    name: str
    data: Sequence[Path]
    out: Path
    degrade: bool = False
    candidates: Sequence[str] = ("head", "convnet", "resnet18")
    start: str = "wayside-n"
    imgsz: int = 640
    licence: str = "not stated"
    threads: int = 2
    command: str = ""
    device: str = "auto"


def run_request(request: Request, *, schedule: str, epochs: int, lr: float | None, balanced: bool, seed: int) -> Path:
    """`train_head` with the plan's parts as they were typed.

    Raises:
        ConfigError: an unknown schedule, a name that no head can have, or as `train_head`.
    """
    if schedule not in get_args(Schedule):
        raise ConfigError(f"--schedule {schedule!r}: {', '.join(get_args(Schedule))}")
    if not re.fullmatch(NAME, request.name):
        raise ConfigError(f"--name {request.name!r}: lower-case letters, digits and hyphens")
    plan = Plan(epochs=epochs, schedule=cast(Schedule, schedule), lr=lr, balanced=balanced, seed=seed)
    return train_head(request, plan)


def train_head(request: Request, plan: Plan) -> Path:
    """Train, compare, report, and write the head with its card; returns the head's file.

    Raises:
        ConfigError: an unknown candidate.
        InputError: the data cannot be used.
        ModelError: no detector weights.
    """
    console = wide_console()
    problems = Problems()
    chosen = [parse(text) for text in request.candidates]
    data = read_data(request, problems)
    for line in problems.lines():
        console.print(f"problem: {line}", style="yellow", highlight=False, soft_wrap=True)
    question = Question.of(data)
    imgsz = request.imgsz if data.kind == "image" or data.cells else None
    weights = find_start(request.start, load_settings()).weights
    backbone = Backbone(weights, _LAYERS, data.kind, imgsz, request.threads, request.device)
    head = FeatureHead(backbone, question)
    strides = backbone.stride, backbone.backend.stride
    if data.cells is not None and strides != (data.cells.side, data.cells.stride):
        raise ModelError(
            f"{weights}: strides of {strides[0]} and {strides[1]} px; a head with boxes needs a detector with "
            f"{data.cells.side} and {data.cells.stride}, as YOLO11 has"
        )
    candidates: list[Candidate] = [head]
    left_out = []
    for name, file in chosen:
        try:
            if name == "convnet":
                candidates.append(SmallConvNet(question))
            elif name != "head":
                candidates.append(FrozenBody(name, file, question, backbone.backend.device))
        except ModelError as error:
            if file is not None:
                raise
            left_out.append(str(error))
            console.print(str(error), style="yellow", highlight=False, soft_wrap=True)
    torch.set_num_threads(request.threads)
    results = compare(data, candidates, plan, lambda line: console.print(line, highlight=False))
    path = request.out / f"{data.name}.safetensors"
    module = results[0].module
    assert isinstance(module, Scaled)
    spec = spec_of(data, head, results, request.command, imgsz or max(data.of("train")[0].load().shape[:2]))
    net = module.finished()
    net.temperature = results[0].temperature
    version = save_head(path, net, spec)
    write_trained(record_of(path), trained_on(data))
    write_card(path.with_suffix(".md"), spec, results, version, path.stat().st_size)
    page = request.out / f"{data.name}.html"
    write_report(page, data, results, problems, left_out, request.command)
    console.print(f"{version}: {path}; report: {page}; card: {path.with_suffix('.md')}", highlight=False)
    return path


def trained_on(data: DataSet) -> set[str]:
    """Digests of the pictures that a head learns from or is chosen by; what was made of one picture counts as it."""
    sources = {picture.source for split in ("train", "val") for picture in data.of(split)}
    return {picture_digest(path) for path in sources if path is not None}


def read_data(request: Request, problems: Problems) -> DataSet:
    """The pictures of a request, split as for training.

    Raises:
        ConfigError, InputError: they cannot be used.
    """
    if request.degrade:
        return read_degraded(request.name, list(request.data), problems, request.licence)
    if len(request.data) != 1:
        raise ConfigError("--data: one folder is needed; several are for --degrade")
    if is_crackforest(request.data[0]):
        return read_crackforest(request.name, request.data[0], problems)
    if is_labelled(request.data[0]):
        return read_labelled(request.name, request.data[0], problems, imgsz=request.imgsz, licence=request.licence)
    return read_folder(request.name, request.data[0], problems, licence=request.licence)
