"""What can be asked of the training service: all that `wayside train` takes, and a clear line for what does not fit."""

from pathlib import Path
from typing import Any

import pytest
import typer

from shared.exceptions import ConfigError, PoisonMessageError
from shared.settings import load_settings
from shared.training import TrainingRequest
from training.commands import train
from training.heads.candidates import parse
from training.service.ask import run_request
from training.service.job import command_of

COMMON = {"request_id": "a", "name": "a", "data": ["road", "night/clip.mp4"], "start": "wayside-n", "epochs": 3,
          "lr": 0.01, "imgsz": 320, "seed": 4}  # fmt: skip
FULL: dict[str, dict[str, Any]] = {
    "detector": {
        **COMMON, "kind": "detector", "staged": 20, "patience": 2, "freeze": 0, "batch": 4, "repeat": 5, "keep": 0.25,
        "teach": False,
    },
    "head": {
        **COMMON, "kind": "head", "degrade": True, "candidates": ["convnet", "resnet34=weights/r34.pth"],
        "schedule": "cosine", "balance": False, "licence": "CC0, by the road's owner",
    },
}  # fmt: skip
# Where it runs and where its files lie is the trainer's to say; none of them changes the result.
OF_THE_TRAINER = {"device", "threads", "out", "work", "register", "registry"}
group = typer.main.get_command(train)


def options(command: str) -> set[str]:
    return {str(parameter.name) for parameter in group.commands[command].params} - {"help"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", FULL)
def test_every_option_that_changes_the_result_can_be_asked_for(kind: str) -> None:
    wanted = options(kind) - OF_THE_TRAINER
    assert wanted <= set(TrainingRequest.model_fields)
    assert wanted <= options("request")
    assert wanted <= set(FULL[kind]), "the tests below leave one out"


@pytest.mark.parametrize("kind", FULL)
def test_what_is_asked_for_reaches_the_training(kind: str, tmp_path: Path) -> None:
    asked = TrainingRequest.from_bytes(TrainingRequest.model_validate(FULL[kind]).to_bytes())
    words = command_of(asked, load_settings(datasets=tmp_path, registry="r"), tmp_path / "work")
    assert words[1:5] == ["-m", "services.cli", "train", kind]
    got = group.commands[kind].make_context(kind, words[5:]).params  # type: ignore[attr-defined]
    expected = {key: value for key, value in FULL[kind].items() if key not in ("request_id", "kind")}
    expected["data"] = [tmp_path / name for name in COMMON["data"]]
    if kind == "head":
        expected["candidates"] = f"convnet,resnet34={tmp_path}/weights/r34.pth"
    assert {key: got[key] for key in expected} == expected


def test_what_is_left_out_is_the_trainings_own_default_and_is_not_written(tmp_path: Path) -> None:
    plain = TrainingRequest(request_id="a", kind="head", name="a", data=["road"])
    assert b"null" not in plain.to_bytes(), "an older trainer forbids what it does not know"
    words = command_of(plain, load_settings(datasets=tmp_path, registry="r"), tmp_path / "work")
    given = [word for word in words if word.startswith("--")]
    assert given == ["--name", "--out", "--registry", "--data", "--register"]


def test_a_message_of_an_older_client_is_valid() -> None:
    old = b'{"schema":"wayside.training-request/1","request_id":"a","kind":"head","name":"a","data":["b"],"start":null}'
    assert TrainingRequest.from_bytes(old).candidates is None


@pytest.mark.parametrize("name", ["head", "convnet", "vgg16", "resnet18", "resnet152=w/r.pth"])
def test_the_training_knows_every_candidate_that_can_be_asked_for(name: str) -> None:
    asked = TrainingRequest.model_validate({**FULL["head"], "candidates": [name]})
    assert asked.candidates is not None
    parse(asked.candidates[0])


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"kind": "head", "candidates": ["alexnet"]}, r"candidates\.0: 'alexnet': known are head, convnet, vgg16"),
        ({"kind": "head", "candidates": ["resnet18=../r.pth"]}, r"candidates\.0: 'resnet18=\.\./r\.pth': known are"),
        ({"kind": "head", "schedule": "warm"}, "schedule: Input should be 'one-cycle', 'cosine' or 'step'"),
        ({"kind": "head", "keep": 0.1, "teach": True}, "request: a head's training has no keep, teach; leave it out"),
        ({"kind": "detector", "degrade": True}, "request: a detector's training has no degrade; leave it out"),
        ({"kind": "detector", "keep": 1.0}, r"keep: Input should be less than or equal to 0\.9"),
        ({"kind": "detector", "data": ["../up"]}, r"data\.0: String should match pattern"),
    ],
)
def test_what_does_not_fit_is_one_line(values: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as raised:
        run_request("127.0.0.1:1", {"name": "a", "data": ["road"], **values}, follow_it=False)
    assert "\n" not in str(raised.value)


def test_a_trainer_buries_what_does_not_fit() -> None:
    bad = b'{"request_id":"a","kind":"head","name":"a","data":["b"],"freeze":3}'
    with pytest.raises(PoisonMessageError, match="a head's training has no freeze"):
        TrainingRequest.from_bytes(bad)
