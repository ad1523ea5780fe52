"""Runs kvferry, and kills it with SIGKILL before or after one of its imports.

python killed.py before|after NUMBER WORDS...
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import httpx

from migrate.main import main


def armed(moment: str, fatal: int) -> None:
    send, count = httpx.HTTPTransport.handle_request, 0

    def counted(self: httpx.HTTPTransport, request: httpx.Request) -> Any:
        nonlocal count
        imports = request.url.path.endswith("/import")
        count += imports
        if imports and count == fatal and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = send(self, request)
        answer.read()
        if imports and count == fatal and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    httpx.HTTPTransport.handle_request = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    armed(sys.argv[1], int(sys.argv[2]))
    del sys.argv[1:3]
    main()
