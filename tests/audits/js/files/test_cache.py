import dataclasses
import hashlib
import inspect

from audits import operation
from audits.js.syntax.facts import VERSION

KEPT = (18, "7c98690252a64d0e")
"""A version of the cache, and the fields of what it holds then."""


def test_what_is_kept_under_a_version_has_the_fields_that_it_had() -> None:
    """When this fails, raise VERSION: a cache from before gives objects that lack the new fields."""
    classes = [one for _, one in inspect.getmembers(operation, dataclasses.is_dataclass)]
    shape = [(one.__name__, [field.name for field in dataclasses.fields(one)]) for one in classes]
    assert (VERSION, hashlib.sha256(repr(shape).encode()).hexdigest()[:16]) == KEPT
