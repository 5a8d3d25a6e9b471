"""Stands: the last stay at every stand, and a stand's stays."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from services.console.parts import Console
from services.console.stand_views import StandView, TurnaroundView
from services.console.stands import MOST
from services.console.views import Id

router = APIRouter(tags=["stands"])


@router.get("/api/stands")
def stands(console: Console) -> list[StandView]:
    """All stands of the site, in its order, each with its last stay."""
    return console.stands.views()


@router.get("/api/stands/{camera}/{stand}/turnarounds", responses={404: {"description": "no such stand"}})
def turnarounds(
    console: Console, camera: Id, stand: Id, limit: Annotated[int, Query(ge=1, le=MOST)] = 20
) -> list[TurnaroundView]:
    """The stays at one stand, newest first; of the last 7 days, 100 at most."""
    if not console.stands.has(camera, stand):
        raise HTTPException(404, "no such stand")
    return console.stands.stays(camera, stand, limit)
