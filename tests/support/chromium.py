"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.engines import lacking

WAIT_TIMEOUT_S = 60.0
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0")


class Page:
    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket, self._session, self._last_id = socket, session, 0

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params}
        await self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while (answer := json.loads(await self._socket.recv())).get("id") != self._last_id:
                pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def run(self, script: str) -> Any:
        """Evaluate a JavaScript expression, and return its value."""
        answer = await self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def click(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def press(self, key: str) -> None:
        text = "\r" if key == "Enter" else key
        for kind in ("keyDown", "keyUp"):
            await self.ask("Input.dispatchKeyEvent", type=kind, key=key, text=text if kind == "keyDown" else "")


@asynccontextmanager
async def page(address: str, home: Path) -> AsyncIterator[Page]:
    """A browser's page at this address. Skips the test where there is no chromium."""
    if not (program := shutil.which("chromium")):
        lacking("chromium", "there is no chromium")
    assert program
    discard = asyncio.subprocess.DEVNULL
    command = (program, *OPTIONS, f"--user-data-dir={home}", "--window-size=1280,800", "about:blank")
    process = await asyncio.create_subprocess_exec(*command, stdout=discard, stderr=discard)
    try:
        port = home / "DevToolsActivePort"
        async with asyncio.timeout(WAIT_TIMEOUT_S):
            while not (port.exists() and len(lines := port.read_text().splitlines()) == 2):
                await asyncio.sleep(0.05)
        async with connect(f"ws://127.0.0.1:{lines[0]}{lines[1]}", max_size=None, proxy=None) as socket:
            browser = Page(socket, "")
            target = (await browser.ask("Target.createTarget", url=address))["targetId"]
            session = (await browser.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
            yield Page(socket, session)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
