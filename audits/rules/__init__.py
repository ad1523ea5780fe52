"""Every rule, listed by hand: a new one is its file, its tests, and one line here."""

from __future__ import annotations

from audits.rules import (
    bad_suppression,
    kv_fallback,
    lost_update,
    metadata_lost,
    missing_cache_ttl,
    operation_per_item,
    put_without_ttl,
    session_kv_call,
    stale_session_read,
    truncated_list,
    ttl_out_of_range,
    unawaited_write,
    unguarded_write,
    unparsable_kv_call,
    unprefixed_key,
    unused_suppression,
)
from audits.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    session_kv_call.RULE,
    put_without_ttl.RULE,
    ttl_out_of_range.RULE,
    kv_fallback.RULE,
    stale_session_read.RULE,
    lost_update.RULE,
    unguarded_write.RULE,
    operation_per_item.RULE,
    truncated_list.RULE,
    unawaited_write.RULE,
    metadata_lost.RULE,
    unprefixed_key.RULE,
    missing_cache_ttl.RULE,
    unused_suppression.RULE,
    unparsable_kv_call.RULE,
    bad_suppression.RULE,
)
"""In the order of their codes."""


def lookup(name_or_code: str) -> Rule | None:
    """The rule called so (`put-without-ttl`, `KV002`, `kv002`), None when there is none."""
    word = name_or_code.strip().lower()
    return next((rule for rule in RULES if word in (rule.name, rule.code.lower())), None)
