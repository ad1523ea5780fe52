"""A headless Chromium by its DevTools protocol, over a pipe: pages, what they asked for, and pictures."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.browser.install import find

_PATIENCE = 60.0
_FLAGS = (
    "--headless",
    "--no-sandbox",  # a container has no user namespaces; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)


class Browser:
    """One running browser; `page()` opens a file in a fresh tab."""

    def __enter__(self) -> Self:
        found = find()
        self._home = tempfile.TemporaryDirectory(prefix="kvferry-browser-")
        theirs, self._writes = os.pipe()
        self._reads, ours = os.pipe()
        environment = {"HOME": self._home.name, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        words = [str(found.binary), *_FLAGS, f"--user-data-dir={self._home.name}/profile", "about:blank"]
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        script = f'exec "$@" 3<&{theirs} 4>&{ours}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *words],
            env=environment | found.environment,
            pass_fds=(theirs, ours),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(ours)
        self._buffer, self._number = b"", 0
        self.events: list[dict[str, Any]] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._reads)
        os.close(self._writes)
        with contextlib.suppress(OSError):
            self._home.cleanup()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events on the way are kept."""
        self._number += 1
        wanted = self._number
        message: dict[str, Any] = {"id": wanted, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == wanted:
                assert "error" not in told, f"{method}: {told['error']}"
                return dict(told["result"])
            self.events.append(told)

    def wait_for(self, method: str, session: str) -> dict[str, Any]:
        """The next event of this kind."""
        while True:
            for at, told in enumerate(self.events):
                if told.get("method") == method and told.get("sessionId") == session:
                    return dict(self.events.pop(at)["params"])
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reads], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._reads, 1 << 20)
            assert piece, "the browser has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    @contextlib.contextmanager
    def page(
        self, file: Path, *, width: int = 1200, height: int = 900, dark: bool = False, script: bool = True
    ) -> Iterator[Page]:
        """The file, loaded. `script`: whether it could run any."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, width)
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setScriptExecutionDisabled", value=not script)
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        page.call("Page.navigate", url=file.resolve().as_uri())
        page.loaded = self.wait_for("Page.loadEventFired", session)
        yield page
        self.call("Target.closeTarget", targetId=target)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, width: int) -> None:
        self._browser, self._session, self._width = browser, session, width
        self.loaded: dict[str, Any] = {}

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command for this tab."""
        return self._browser.call(method, self._session, **params)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression of the test is; the page's own scripts may be off."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for, the page itself first."""
        return [told["params"]["request"]["url"] for told in self._told("Network.requestWillBeSent")]

    @property
    def refused(self) -> int:
        """How many of these the page's own policy did not let out."""
        failed = self._told("Network.loadingFailed")
        return sum(told["params"].get("blockedReason") == "csp" for told in failed)

    @property
    def complaints(self) -> list[str]:
        """What a console would show: errors, warnings, breaches of the page's policy, exceptions."""
        logged = [told["params"]["entry"]["text"] for told in self._told("Log.entryAdded")]
        said = [str(told["params"]) for told in self._told("Runtime.consoleAPICalled")]
        return [*logged, *said, *(str(told["params"]) for told in self._told("Runtime.exceptionThrown"))]

    def picture(self, top: float = 0.0, height: float | None = None) -> bytes:
        """A PNG of the whole page, or of a part."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": top, "width": self._width, "height": height or size["height"] - top, "scale": 1}
        told = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(told["data"])

    def printed(self) -> bytes:
        """A PDF."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def named_pictures(self) -> list[tuple[str, str]]:
        """Name and description of each picture as a screen reader gets them."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        pictures = [one for one in nodes if one.get("role", {}).get("value") in ("image", "img")]
        return [
            (one.get("name", {}).get("value", ""), one.get("description", {}).get("value", ""))
            for one in pictures
            if not one["ignored"]
        ]

    def _told(self, method: str) -> list[dict[str, Any]]:
        mine = (one for one in self._browser.events if one.get("sessionId") == self._session)
        return [one for one in mine if one.get("method") == method]
