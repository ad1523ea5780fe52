"""A put or delete that nobody waits for: the runtime may cut it off with the response.

## What

Finds puts and deletes whose promise is neither awaited nor returned nor given to `waitUntil`: a call
that is a statement of its own, with or without `void` or `.catch(…)`; one in a callback of `forEach`,
which nobody waits for; one that is kept in a variable or pushed on an array that is never looked at
again; and one that is awaited in a function whose own promise a caller lets go of. Every way on which
it is lost is given. Durable Objects and Workflows are no exception.

A promise that is handed to a function, a field or a library counts as waited for.

## Why

When a Worker has answered, what is still under way is cancelled. The write happens in tests and when
the machine is idle, and is lost under load; its errors are lost always. A logout whose delete is lost
leaves a session that works. In a Durable Object or a Workflow the write may survive, but the answer no
longer says that it happened, and a step that is done is not done again.

## Bad

```ts
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const id = await request.text();
    env.SESSIONS.delete(`session:${id}`);
    return new Response("logged out");
  },
};
```

```ts
async function logOutEverywhere(env: Env, ids: string[]): Promise<Response> {
  ids.forEach(async (id) => {
    await env.SESSIONS.delete(`session:${id}`);
  });
  return new Response("logged out");
}
```

## Good

```ts
export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const id = await request.text();
    await env.SESSIONS.delete(`session:${id}`);
    ctx.waitUntil(env.STORE.put("last-logout", id).catch(console.error));
    return new Response("logged out");
  },
};
```

```ts
async function logOutEverywhere(env: Env, ids: string[]): Promise<Response> {
  await Promise.all(ids.map((id) => env.SESSIONS.delete(`session:${id}`)));
  return new Response("logged out");
}
```

## Remedy

`await` what the answer depends on, a session's deletion above all. Give the rest to
`ctx.waitUntil(…)` (`c.executionCtx.waitUntil` in Hono, `event.waitUntil` in a service worker), and let a
helper return its promise, so that its callers can do either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.finding import Finding, Severity
from audits.operation import Confidence, Operation
from audits.rules.rule import Rule, Settings
from audits.rules.wording import at_callers, called, found


def check(operations: Sequence[Operation], settings: Settings) -> Iterator[Finding]:
    """One finding for each write that is let go of on some way."""
    for operation in operations:
        if not operation.let_go:
            continue
        elsewhere = [place for place in operation.let_go if place != operation.call]
        if operation.call in operation.let_go:
            text = "is neither awaited nor returned nor given to waitUntil"
        else:
            first = elsewhere[0]
            more = f" and {len(elsewhere) - 1} more" if len(elsewhere) > 1 else ""
            text = f"is waited for by nobody: the promise is dropped at {first.path}:{first.line}{more}"
        yield found(
            RULE,
            operation,
            f"{called(operation)} {text}",
            confidence=Confidence.MEDIUM if elsewhere else Confidence.HIGH,
            related=at_callers("dropped", "the promise is dropped here", elsewhere),
        )


RULE = Rule(
    "unawaited-write",
    "KV010",
    Severity.WARNING,
    "a put or delete that is neither awaited, returned, nor given to waitUntil",
    check,
    documentation=__doc__ or "",
)
