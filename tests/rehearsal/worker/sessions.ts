// The Worker that owns the objects of the rehearsal, by the shifted clock.

import { objectOf, placementOf } from "EDGE/placement.ts";
import type { Placement } from "EDGE/placement.ts";
import { UserSessions as Real } from "EDGE/user-sessions.ts";
import { SessionTable } from "EDGE/values.ts";
import { shifted } from "./shift.ts";

export { MigrationStats } from "EDGE/migration-stats.ts";

interface Env {
  USER_SESSIONS: DurableObjectNamespace<UserSessions>;
  KVFERRY_PLACEMENT: string;
}

interface Row {
  id: string;
  value: string;
  expiration: number; // Unix seconds
}

export class UserSessions extends Real<object, Env> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
  }

  // A row as an application wrote it by itself, before there was anything to account for it.
  plant({ id, value, expiration }: Row): void {
    new SessionTable(this.#sql).write(id, new TextEncoder().encode(value), expiration);
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const set = await shifted(request.clone() as Request);
    if (set !== null) return set;
    const placement = placementOf(env.KVFERRY_PLACEMENT) as Placement;
    for (const row of await request.json<Row[]>()) {
      await env.USER_SESSIONS.getByName(objectOf(placement, row.id)).plant(row);
    }
    return Response.json(null);
  },
};
