// The Worker that owns the objects of the rehearsal, by the shifted clock.

import { shifted } from "./shift.ts";

export { UserSessions } from "EDGE/user-sessions.ts";
export { MigrationStats } from "EDGE/migration-stats.ts";

export default {
  fetch: async (request: Request) => (await shifted(request)) ?? new Response(null, { status: 404 }),
};
