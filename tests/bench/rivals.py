"""Other searchers of code, installed in an environment of their own from the lock file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LOCK = ROOT / "tests" / "lock" / "rivals.txt"
_FOLDER = ROOT / ".venv" / "rivals"

SEMGREP = """\
rules:
  - id: put-without-ttl
    languages: [typescript, javascript]
    severity: ERROR
    message: a put without a TTL
    patterns:
      - pattern: $KV.put($KEY, $VALUE, ...)
      - pattern-not: "$KV.put($KEY, $VALUE, {..., expirationTtl: $TTL, ...})"
      - pattern-not: "$KV.put($KEY, $VALUE, {..., expiration: $TTL, ...})"
"""
"""One rule, as people write it."""

AST_GREP = "\n---\n".join(
    f"id: put-{language}\nlanguage: {language}\nrule: {{pattern: '$KV.put($$$ARGUMENTS)'}}"
    for language in ("TypeScript", "Tsx", "JavaScript")
)
"""The same question, as far as it can be asked: one rule for each grammar."""


def installed() -> Path:
    """The folder of their commands; installs when the lock file says otherwise."""
    stamp = _FOLDER / "stamp"
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(_FOLDER, with_pip=True, clear=True)
        command = [
            _FOLDER / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            _LOCK,
        ]
        subprocess.run(command, check=True, stdout=sys.stderr)
        stamp.write_text(wanted)
    return _FOLDER / "bin"
