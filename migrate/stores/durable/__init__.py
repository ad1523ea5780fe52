"""Durable Objects behind their bridge Worker, as source and target."""

from migrate.core.burying import Burial
from migrate.stores.durable.bridge import Bridge
from migrate.stores.durable.kv_writing import BridgedKv
from migrate.stores.durable.reading import DurableHolder, DurableSource
from migrate.stores.durable.target import DurableTarget

__all__ = ["Bridge", "BridgedKv", "Burial", "DurableHolder", "DurableSource", "DurableTarget"]
