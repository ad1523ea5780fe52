"""Rewrites session calls of Workers code: onto the session store, and at the end without the KV fallback.

    operations (from the analysis) ─▶ calls in the syntax tree ─▶ edits of bytes, or a reason to leave
    ─▶ names that nobody uses any more ─▶ the file parsed again ─▶ Rewriting

What the rewritten code calls is declared in session-store.d.ts, and only there. A call that is not
certain to behave as before is left as it is and listed for a human.
"""
