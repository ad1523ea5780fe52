"""The rules of the staged protocol, each a switch: what the protocol is worth without it is searched.

Four of them are not in the protocol as it was first written down; a search found that they are needed:
the end waits, a shadow touch needs agreement, and (with no switch) both readings of an absence come after the
last isolates that write KV alone, and going back to dual-write starts with no sweep under way.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules on is the protocol. A comment says what happens instead when one is off.

    `stale`: how many ticks a stale read of KV may span; one tick more is H, and an import's lease. `right`:
    who is right about legacy rows by the operator's word, "kv" or "target".
    """

    stale: int = 0
    right: str = ""

    # 1
    a_delete_leaves_a_tombstone_where_there_is_no_row: bool = True
    tombstones_are_final: bool = True  # a late or later half replaces them
    ids_are_not_used_again: bool = True
    # 2
    tombstones_stay_until_the_end: bool = True  # until object-only is everywhere
    the_end_waits: bool = True  # it comes as soon as object-only is everywhere
    tombstones_stay_until_all_has_expired: bool = True  # a second line: not needed while the others hold
    # 3
    deletes_are_strict: bool = True  # acknowledged when KV is done
    shadow_writes_need_the_object: bool = True
    shadow_writes_need_kv: bool = True
    # 4
    shadow_read_obeys_tombstones: bool = True
    shadow_read_obeys_app_rows: bool = True
    app_rows_stay_app: bool = True  # a dual write makes them dual
    dual_writes_are_marked_dual: bool = True  # as app
    an_error_is_no_miss_at_shadow_read: bool = True
    an_error_is_no_miss_at_object_first: bool = True
    an_expired_row_is_no_deletion: bool = True
    # 5
    a_shadow_touch_compares_and_sets: bool = True
    a_shadow_touch_needs_agreement: bool = True  # it writes what KV shows, whatever the row holds
    # 6
    halves_end: bool = True  # they may land at any later time
    # 7
    imports_insert_if_absent: bool = True
    imports_keep_the_expiration: bool = True  # they give a default
    # 8
    a_sweep_reads_the_row_first: bool = True
    a_sweep_reads_twice: bool = True
    a_sweep_compares_versions: bool = True  # digests
    a_sweep_leaves_app_rows: bool = True
    no_sweep_during_a_gates_verify: bool = True
    # 9
    a_sweep_waits_to_delete: bool = True  # it deletes what KV lacks at once
    a_sweep_deletes: bool = True  # it only reports (progress)
    # 10
    imports_end: bool = True  # they may land at any later time
    # 11
    a_gates_verify_waits: bool = True  # it begins as soon as shadow-read is everywhere
    # 12
    a_gate_is_needed: bool = True
    a_difference_shuts_the_gate: bool = True
    a_row_that_kv_lacks_shuts_the_gate: bool = True
    a_missing_row_does_not_shut_it: bool = True  # it does (progress)
    # 13
    object_only_needs_a_second_verify: bool = True
    # 14
    gone_is_evidence: bool = True  # a guess
    # 15
    going_back_writes_kv: bool = True
    going_back_empties_kv_of_the_deleted: bool = True
    going_back_shuts_the_gate: bool = True
    # 16
    going_back_writes_app_rows_only: bool = True
    # of rows from before the migration
    legacy_rows_wait_for_the_word: bool = True  # a sweep replaces them unasked
    legacy_rows_of_kv_are_replaced: bool = True  # no sweep ever does (progress)
    a_stale_legacy_row_shuts_the_gate: bool = True  # it does not
    legacy_rows_of_the_target_bar_the_way_back: bool = True  # below object-first

    @property
    def wait(self) -> int:
        """H in ticks."""
        return self.stale + 1


NAMES = tuple(field.name for field in fields(Rules) if field.type == "bool")
