// Cloudflare's API: for the sessions' namespace by what KV has, by the shifted clock and as stale as a binding;
// whatever else is asked goes to the fake account. As the clock moves on, somebody reads everything now and then,
// so that there are older answers to be given.

import { answered } from "../../live/worker/rest.ts";
import { shifted } from "./shift.ts";
import { shiftedKv } from "./shifted-kv.ts";

interface Env {
  SESSIONS: KVNamespace;
  STALE: number;
  KVFERRY_PREFIX: string;
  ACCOUNT_API: string;
}

interface Item {
  key: string;
  value: string;
  base64?: boolean;
  expiration?: number;
  expiration_ttl?: number;
  metadata?: unknown;
}

const PAGE = 100; // keys
const EVERY = 4; // seconds

let due = 0;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const SESSIONS = shiftedKv(env.SESSIONS);
    const deletes = pathname.endsWith("/bulk/delete");
    if (deletes || (pathname.endsWith("/bulk") && request.method === "PUT")) {
      return written(await (deletes ? gone(SESSIONS, await request.json()) : put(SESSIONS, await request.json())));
    }
    if (pathname.includes("/storage/kv/namespaces/")) return answered(request, { SESSIONS, STALE: env.STALE });
    const set = await shifted(request);
    if (set !== null && Date.now() >= due) await readAll({ SESSIONS, STALE: env.STALE }, env.KVFERRY_PREFIX);
    return set ?? fetch(env.ACCOUNT_API + pathname.replace("/client/v4", "") + search, request);
  },
} satisfies ExportedHandler<Env>;

async function readAll(env: { SESSIONS: KVNamespace; STALE: number }, prefix: string): Promise<void> {
  due = Date.now() + EVERY * 1000;
  const listed = await answered(new Request(`https://kv/keys?prefix=${encodeURIComponent(prefix)}`), env);
  const { result } = await listed.json<{ result: { name: string }[] }>();
  for (let first = 0; first < result.length; first += PAGE) {
    const keys = result.slice(first, first + PAGE).map(({ name }) => name);
    await answered(new Request("https://kv/bulk/get", { method: "POST", body: JSON.stringify({ keys }) }), env);
  }
}

async function put(sessions: KVNamespace, items: Item[]): Promise<number> {
  for (const { key, value, base64, expiration, expiration_ttl: expirationTtl, metadata } of items) {
    const bytes = base64 === true ? Uint8Array.from(atob(value), (one) => one.charCodeAt(0)) : value;
    const until = expiration === undefined ? (expirationTtl === undefined ? {} : { expirationTtl }) : { expiration };
    await sessions.put(key, bytes, metadata === undefined ? until : { ...until, metadata });
  }
  return items.length;
}

async function gone(sessions: KVNamespace, names: string[]): Promise<number> {
  for (const name of names) await sessions.delete(name);
  return names.length;
}

function written(count: number): Response {
  const result = { successful_key_count: count, unsuccessful_keys: [] };
  return Response.json({ success: true, errors: [], messages: [], result });
}
