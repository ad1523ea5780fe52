// The application of the benchmark: it owns the session class, and beside it what one writes in an hour: a
// bare class, and loops that put one session after the other, or 100 at once, by one RPC each.
//
// POST /rows   sessions that the Worker is to hold, before anything is timed
// POST /put    {binding, shards, flying}: put all that it holds, and forget them

import { DurableObject } from "cloudflare:workers";
import { UserSessions } from "EDGE/user-sessions.ts";

type Session = { id: string; data: string; expiration: number };
type Stub = { putSession(id: string, data: string, options: { expiration: number }): Promise<unknown> };
type Order = { binding: "BARE" | "USER_SESSIONS"; shards: number; flying: number };
type Env = Record<Order["binding"], DurableObjectNamespace>;

export { UserSessions };

// As little as a class can do that stores sessions.
export class Bare extends DurableObject {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, data TEXT, expiration INTEGER)");
  }

  putSession(id: string, data: string, { expiration }: { expiration: number }): void {
    this.#sql.exec("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", id, data, expiration);
  }

  count(): number {
    return this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM sessions").one().count;
  }
}

let rows: Session[] = [];

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (new URL(request.url).pathname === "/rows") {
      rows.push(...((await request.json()) as Session[]));
      return Response.json(rows.length);
    }
    const { binding, shards, flying } = (await request.json()) as Order;
    const taken = rows;
    rows = [];
    const ns = env[binding];
    const named = (name: string) => ns.get(ns.idFromName(name)) as unknown as Stub;
    const stubs = Array.from({ length: shards }, (_, number) => named(`bare:${number}`));
    let next = 0;
    let put = 0;
    const loop = async () => {
      while (next < taken.length) {
        const number = next++;
        const { id, data, expiration } = taken[number] as Session;
        const stub = shards === 0 ? named(id) : (stubs[number % shards] as Stub);
        await stub.putSession(id, data, { expiration });
        put += 1;
      }
    };
    await Promise.all(Array.from({ length: flying }, loop));
    return Response.json(put);
  },
};
