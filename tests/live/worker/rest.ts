// Cloudflare's API for Workers KV, as far as a copy and a verify use it: keys in pages, and values in bulk with
// their metadata and expiration from one answer. As stale as KV is.

import { Past } from "./past.ts";

type Head = KVNamespaceListKey<unknown>;
type Item = { value: string; metadata?: unknown; expiration?: number } | null;

let pages: Past<KVNamespaceListResult<unknown>> | null = null;
let items: Past<Item> | null = null;

export async function answered(request: Request, { SESSIONS, STALE }: { SESSIONS: KVNamespace; STALE: number }): Promise<Response> {
  pages ??= new Past(STALE);
  items ??= new Past(STALE);
  const { pathname, searchParams } = new URL(request.url);
  if (pathname.endsWith("/keys")) {
    const options = { prefix: searchParams.get("prefix"), cursor: searchParams.get("cursor") };
    const page = await pages.read(JSON.stringify(options), () => SESSIONS.list(options));
    const info = { count: page.keys.length, cursor: page.list_complete ? "" : page.cursor };
    return Response.json({ success: true, errors: [], messages: [], result: page.keys, result_info: info });
  }
  if (!pathname.endsWith("/bulk/get")) {
    const errors = [{ code: 7003, message: "no route" }];
    return Response.json({ success: false, errors, messages: [], result: null }, { status: 404 });
  }
  const { keys } = await request.json<{ keys: string[] }>();
  const together = whole(SESSIONS, keys);
  const found: Record<string, Item> = {};
  for (const key of keys) {
    const item = await items.read(key, async () => (await together)[key] as Item);
    if (item !== undefined) found[key] = item; // left out: it is asked for again
  }
  return Response.json({ success: true, errors: [], messages: [], result: { values: found } });
}

// Values with metadata and expiration of the same write: those that the same listing surrounds.
async function whole(sessions: KVNamespace, keys: string[]): Promise<Record<string, Item | undefined>> {
  const before = await heads(sessions);
  const held = await sessions.getWithMetadata<unknown>(keys, "text");
  const after = await heads(sessions);
  return Object.fromEntries(
    keys.map((key) => {
      const [one, other] = [before.get(key), after.get(key)];
      const { value, metadata } = held.get(key) ?? { value: null, metadata: null };
      if (JSON.stringify(one) !== JSON.stringify(other) || (one === undefined) !== (value === null)) return [key, undefined];
      if (value === null) return [key, null];
      const until = one?.expiration === undefined ? {} : { expiration: one.expiration };
      return [key, { value, metadata, ...until }];
    }),
  );
}

async function heads(sessions: KVNamespace): Promise<Map<string, Head>> {
  const found = new Map<string, Head>();
  for (let cursor: string | undefined, complete = false; !complete; ) {
    const page = await sessions.list(cursor === undefined ? {} : { cursor });
    for (const head of page.keys) found.set(head.name, head);
    complete = page.list_complete;
    cursor = page.list_complete ? undefined : page.cursor;
  }
  return found;
}
