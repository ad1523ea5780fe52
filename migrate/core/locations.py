"""Where Cloudflare can be asked to make Durable Objects: the words of every `--location-hint`."""

from __future__ import annotations

LOCATION_HINTS = ("wnam", "enam", "sam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc", "afr", "me")
"""https://developers.cloudflare.com/durable-objects/reference/data-location/

The bridge has the same list (migrate/edge/src/placement.ts), and so has the wire's schema."""
