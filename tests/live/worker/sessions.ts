// The Worker that owns the objects of the races: the session class and the statistics, as they are deployed.

export { UserSessions } from "EDGE/user-sessions.ts";
export { MigrationStats } from "EDGE/migration-stats.ts";

export default {
  fetch: () => new Response(null, { status: 404 }),
};
