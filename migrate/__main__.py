"""`python -m migrate` is `kvferry`."""

from __future__ import annotations

from migrate.main import main

main()
