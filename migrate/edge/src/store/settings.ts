// The store's settings: what a Worker's variables and bindings say.

import { placementOf } from "../placement.ts";
import type { Placement } from "../placement.ts";
import type { KvSessions } from "./kv-side.ts";
import type { HalfObjects } from "./object-side.ts";
import { rampOf } from "./stages.ts";
import type { Ramp } from "./stages.ts";
import type { StatsObjects } from "./stats-side.ts";

// The variables. Bindings are named by KVFERRY_KV_BINDING (SESSIONS) and KVFERRY_OBJECTS_BINDING
// (USER_SESSIONS), the statistics' is MIGRATION_STATS, and a version's metadata are CF_VERSION_METADATA, if
// they are there. The bridge's variables of the same names say the same.
export interface StoreEnv {
  SESSION_STAGE?: string; // kv, dual-write, shadow-read, object-first, object-only
  SESSION_STAGE_PERCENT?: string; // of the sessions; the others are at the stage before
  SESSION_TOUCH_EVERY?: string; // seconds, 300: a touch that gains fewer is not written
  SESSION_PUT_EVERY?: string; // seconds, 0: from object-first on, a put of what is there already waits for them
  KVFERRY_PREFIX?: string; // of the keys in KV; not part of an id
  KVFERRY_PLACEMENT?: string; // per-session or shards:N
  KVFERRY_LOCATION_HINT?: string;
  KVFERRY_KV_BINDING?: string;
  KVFERRY_OBJECTS_BINDING?: string;
}

export interface Settings {
  ramp: Ramp;
  prefix: string;
  placement: Placement | null;
  locationHint: DurableObjectLocationHint | undefined;
  touchEvery: number;
  putEvery: number;
  kv: KvSessions | null;
  objects: HalfObjects | null;
  stats: StatsObjects | null;
  version: string; // of the Worker
}

const TOUCH_EVERY = 300; // seconds

// Raises TypeError for whatever is missing or cannot be understood: a store with the wrong stage or prefix
// would be worse than none.
export function settingsOf(env: StoreEnv & Record<string, unknown>): Settings {
  const kv = bound<KvSessions>(env, env.KVFERRY_KV_BINDING ?? "SESSIONS");
  const objects = bound<HalfObjects>(env, env.KVFERRY_OBJECTS_BINDING ?? "USER_SESSIONS");
  // Without objects there is no other stage than the first.
  const ramp = rampOf(env.SESSION_STAGE ?? (objects === null ? "kv" : ""), env.SESSION_STAGE_PERCENT);
  if (ramp === null) throw new TypeError("set SESSION_STAGE (kv at first) and SESSION_STAGE_PERCENT (0 to 100)");
  const placement = placementOf(env.KVFERRY_PLACEMENT);
  const { KVFERRY_PREFIX: prefix } = env;
  if (prefix === undefined) throw new TypeError("set KVFERRY_PREFIX to what the sessions' keys in KV begin with");
  if (ramp.stage !== "kv" && (objects === null || placement === null)) {
    throw new TypeError("bind the session class as USER_SESSIONS and set KVFERRY_PLACEMENT");
  }
  if (kv === null && ramp.stage !== "object-only") throw new TypeError("bind the sessions' KV namespace as SESSIONS");
  if (kv === null && ramp.percent < 100) throw new TypeError("bind the sessions' KV namespace as SESSIONS");
  return {
    ramp,
    prefix,
    placement,
    locationHint: env.KVFERRY_LOCATION_HINT as DurableObjectLocationHint | undefined,
    touchEvery: seconds(env.SESSION_TOUCH_EVERY, TOUCH_EVERY, "SESSION_TOUCH_EVERY"),
    putEvery: seconds(env.SESSION_PUT_EVERY, 0, "SESSION_PUT_EVERY"),
    kv,
    objects,
    stats: bound<StatsObjects>(env, "MIGRATION_STATS"),
    version: bound<{ id?: string }>(env, "CF_VERSION_METADATA")?.id ?? "",
  };
}

function bound<Binding>(env: Record<string, unknown>, name: string): Binding | null {
  return (env[name] as Binding | undefined) ?? null;
}

function seconds(text: string | undefined, otherwise: number, name: string): number {
  if (text === undefined || text === "") return otherwise;
  const found = Number(text);
  if (!(found >= 0 && found < Infinity)) throw new TypeError(`${name} is a number of seconds`);
  return found;
}
