"""`python -m training.stand --out DIR`: build the staged turnaround with its site and truth."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.exceptions import WaysideError
from training.stand.scene import build_stand_scene

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def stand(
    out: Annotated[Path, typer.Option("--out", help="Folder for clip.mp4, site.yaml and truth.json.")],
    seed: Annotated[int, typer.Option("--seed")] = 1,
) -> None:
    """A turnaround of one minute: in-block, a bus and a pick-up, off-block."""
    files = build_stand_scene(out, seed=seed)
    typer.echo(f"{files.clip}, {files.site}, {files.truth}")


if __name__ == "__main__":
    try:
        app()
    except WaysideError as error:
        sys.exit(f"stand: {error}")
