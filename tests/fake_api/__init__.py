"""A fake of Cloudflare's production REST API for Workers KV, driven by faults that tests plan."""

from tests.fake_api.api import ACCOUNT, NAMESPACE, TOKEN, FakeApi
from tests.fake_api.faults import (
    Cut,
    Disorder,
    EmptyPage,
    FaultPlan,
    Omit,
    RepeatCursor,
    Reply,
    Slow,
    Truncate,
    Unsuccessful,
    Verbatim,
    refuse_cursor,
)
from tests.fake_api.process import FakeProcess
from tests.fake_api.rate import RateLimit
from tests.fake_api.sample import PREFIX, sample_sessions
from tests.fake_api.server import FakeServer
from tests.fake_api.state import Entry, Namespace
from tests.fake_api.wire import Kind

__all__ = [
    "ACCOUNT",
    "NAMESPACE",
    "PREFIX",
    "TOKEN",
    "Cut",
    "Disorder",
    "EmptyPage",
    "Entry",
    "FakeApi",
    "FakeProcess",
    "FakeServer",
    "FaultPlan",
    "Kind",
    "Namespace",
    "Omit",
    "RateLimit",
    "RepeatCursor",
    "Reply",
    "Slow",
    "Truncate",
    "Unsuccessful",
    "Verbatim",
    "refuse_cursor",
    "sample_sessions",
]
