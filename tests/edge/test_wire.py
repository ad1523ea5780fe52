"""The vectors of the wire, read in Python: the schema and both languages must agree on every one."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrate.core.locations import LOCATION_HINTS
from migrate.core.record import digest_text, same_metadata
from tests.edge.edge import SCHEMA, VALIDATORS, mint, object_hash

VECTORS = Path(__file__).parent / "vectors"


def cases(name: str) -> list[Any]:
    found: list[Any] = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:kvferry:schema:bridge-wire:1"


@pytest.mark.parametrize("case", cases("requests"), ids=lambda case: f"{case['verb']}: {case['name']}")
def test_the_schema_takes_and_refuses_what_the_bridge_does(case: dict[str, Any]) -> None:
    assert VALIDATORS[f"{case['verb']}.request"].is_valid(case["document"]) == (case["pointer"] is None)


def test_every_verb_has_right_and_wrong_requests() -> None:
    verbs = {name.removesuffix(".request") for name in SCHEMA["$defs"] if name.endswith(".request")}
    for wrong in (True, False):
        assert {case["verb"] for case in cases("requests") if (case["pointer"] is None) != wrong} == verbs


def test_the_places_of_new_objects_are_the_same_to_options_bridge_and_schema() -> None:
    assert cases("places") == list(LOCATION_HINTS)
    assert SCHEMA["$defs"]["import.request"]["properties"]["locationHint"]["enum"] == list(LOCATION_HINTS)


def test_digests() -> None:
    for case in cases("digests"):
        assert digest_text(base64.b64decode(case["value"]) * case["times"]) == case["digest"]


def test_keys_are_ordered_by_their_bytes() -> None:
    keys = cases("order")
    assert sorted(keys, key=str.encode) == keys
    assert sorted(keys) == keys


def test_metadata_mean_the_same_in_both_languages() -> None:
    for case in cases("metadata"):
        assert same_metadata(case["one"], case["other"]) == case["same"], case


def test_placement() -> None:
    for case in cases("placement"):
        kind, _, shards = case["placement"].partition(":")
        number = object_hash(case["id"]) % int(shards or 1)
        wanted = case["id"] if kind == "per-session" else f"kvferry:shard:{number}/{shards}"
        assert case["object"] == wanted


def test_keys_are_derived_alike_in_both_languages() -> None:
    good = [case for case in cases("keys") if case["scope"] is not None]
    assert {case["scope"] for case in good} == {"verify", "import", "values", "delete", "kv"}
    for case in good:
        _, scope, issued, expires, _ = case["header"].removeprefix("Bearer ").split(".")
        assert case["header"] == "Bearer " + mint(scope, int(issued), int(expires), case["secret"])
