"""The console as an ASGI application."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from services.console.api import ROUTERS
from services.console.feed import Dependencies, Feed
from services.console.inspections import Asker, InspectionBook
from services.console.lanes import LaneBook
from services.console.live import Fanout
from services.console.parts import Parts
from services.console.pictures import Pictures
from services.console.security import Security, allowed_hosts
from services.console.sending import Sender
from services.console.stands import StandBook
from services.console.wall import Wall
from shared.bus.base import Bus
from shared.exceptions import BusError, PoisonMessageError, StoreError
from shared.settings import Settings
from shared.site import Site
from shared.store import Store
from shared.telemetry.health import Health

WEB = Path(__file__).parent / "web"
# The page opens with a true state, unless Redis or the broker is slow; then it opens without.
_FIRST_ANSWER_S = 1.0


def build_app(bus: Bus, store: Store, site: Site, settings: Settings, health: Health | None = None) -> FastAPI:
    """Wire the parts; the background threads run while the application does.

    The interactive API pages of FastAPI are off: they load scripts from elsewhere. /openapi.json is there.
    """
    wall, lanes, stands, fanout = Wall(site), LaneBook(site, settings.run), StandBook(site, settings.run), Fanout()
    sender = Sender(bus)
    inspections, asker = InspectionBook(settings.run), Asker(sender, site, wall, settings.run)
    feed = Feed(bus, wall, lanes, stands, inspections, fanout, settings.run)
    dependencies = Dependencies(bus, store, fanout, site.site)
    parts = Parts(
        store=store,
        wall=wall,
        lanes=lanes,
        inspections=inspections,
        asker=asker,
        sender=sender,
        stands=stands,
        pictures=Pictures(bus),
        fanout=fanout,
        dependencies=dependencies,
        health=health or Health("console"),
        evidence=settings.data / "evidence",
        run=settings.run,
        timezone=site.timezone,
    )

    @asynccontextmanager
    async def threads(_: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        feeds = (feed.run, feed.run_lanes, feed.run_stands, feed.run_inspections)
        loops = (*feeds, dependencies.redis.run, dependencies.bus.run, dependencies.publish)
        started = [threading.Thread(target=loop, args=(stop,), name="console", daemon=True) for loop in loops]
        for thread in started:
            thread.start()
        for check in (dependencies.redis, dependencies.bus):
            await asyncio.to_thread(check.asked.wait, _FIRST_ANSWER_S)
        yield
        stop.set()
        fanout.close()
        sender.close()
        for thread in started:
            thread.join(timeout=5)  # one that hangs on a dead broker is a daemon and ends with the process

    app = FastAPI(title="Wayside console", docs_url=None, redoc_url=None, lifespan=threads)
    app.state.parts = parts
    for router in ROUTERS:
        app.include_router(router)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/web", _Web(directory=WEB))
    for error in (StoreError, BusError, PoisonMessageError):
        app.add_exception_handler(error, _unavailable)
    app.add_middleware(Security, hosts=allowed_hosts(settings.console_host))
    return app


class _Web(StaticFiles):
    """The page's own files: asked for again each time, so that an update shows at once (304 when unchanged)."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """As the base class, with caching that asks first."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _unavailable(_: Request, error: Exception) -> JSONResponse:
    """What the console shows is elsewhere; when that is gone, say so in one line."""
    return JSONResponse({"detail": str(error)}, status_code=503)
