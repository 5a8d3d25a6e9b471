"""The event stream: server-sent events with live boxes, alerts and states."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.console.live import Client, Event
from services.console.parts import Console, Parts
from shared.telemetry import metrics

router = APIRouter(tags=["stream"])

# Proxies drop silent connections after 30 to 60 s, and a browser that left is noticed only by writing to it.
HEARTBEAT_S = 10.0


class EventStream(StreamingResponse):
    """Sends a client its events and disconnects it from the fan-out however the connection ends."""

    def __init__(self, console: Parts, client: Client, wake: asyncio.Event) -> None:
        super().__init__(
            _events(console, client, wake), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )
        self._console, self._client = console, client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run until the client or the server leaves; here and not in the generator, which may never start."""
        metrics.CONSOLE_CLIENTS.inc()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._console.fanout.remove(self._client)
            metrics.CONSOLE_CLIENTS.dec()


@router.get(
    "/api/stream",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "events `tracks`, `alert`, `services`, `reload`"},
        503: {"description": "too many viewers"},
    },
)
async def stream(console: Console) -> EventStream:
    """Server-sent events until the client leaves.

    `tracks` is a LiveFrame (at most 5 a second per camera), `alert` an AlertView, `services` a Status every two
    seconds; `reload` asks the client to load its lists again.
    """
    wake = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wake_from_any_thread() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to wake
            loop.call_soon_threadsafe(wake.set)

    client = Client(wake_from_any_thread)
    if not console.fanout.add(client):
        raise HTTPException(503, "too many viewers, or the console is stopping")
    return EventStream(console, client, wake)


async def _events(console: Parts, client: Client, wake: asyncio.Event) -> AsyncIterator[bytes]:
    # What is known already comes first, so that a page is complete at once.
    yield Event("services", console.dependencies.status().model_dump_json()).encode()
    for live in console.wall.latest():
        yield Event("tracks", live.model_dump_json()).encode()
    while not client.closed:
        wake.clear()
        events, wait = client.take(time.monotonic())
        for event in events:
            yield event.encode()
        if events:
            continue
        try:
            await asyncio.wait_for(wake.wait() if wait is None else asyncio.sleep(wait), HEARTBEAT_S)
        except TimeoutError:
            yield b": heartbeat\n\n"
