"""Dumps: sessions in files, read in any order and shape, written so that nothing is lost."""

from migrate.stores.dump.source import DumpSource
from migrate.stores.dump.writer import DumpWriter, write_dump

__all__ = ["DumpSource", "DumpWriter", "write_dump"]
