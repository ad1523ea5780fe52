"""Somebody at the door of an application that runs here: signs in and prints the headers, or signs out.

python visitor.py HOST in     prints what curl -si would of the answer
python visitor.py HOST out    signs out whose id is on standard input
"""

from __future__ import annotations

import http.client
import sys


def main() -> None:
    """Do what the arguments say."""
    host, what = sys.argv[1:]
    connection = http.client.HTTPConnection(host, timeout=30)
    path, headers = (
        ("/sign-in?user=smoke", {}) if what == "in" else ("/sign-out", {"cookie": f"sid={input()}"})
    )
    connection.request("POST", path, headers=headers)
    answer = connection.getresponse()
    print(f"HTTP/1.1 {answer.status} {answer.reason}")
    for name, value in answer.getheaders():
        print(f"{name}: {value}")
    sys.exit(answer.status >= 300)


main()
