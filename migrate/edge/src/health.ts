// What a bridge says of itself: versions, clocks, whose class it asks, how it places sessions, what it takes.

import type { Objects } from "./objects.ts";
import { LIMITS, VERSION } from "./wire.ts";

// What the deployment is told of itself.
export interface Deployment {
  KVFERRY_SCRIPT?: string;
  KVFERRY_CLASS?: string;
  KVFERRY_ENVIRONMENT?: string;
  KVFERRY_RECORDS?: string;
  KVFERRY_BODY_BYTES?: string;
  MIGRATION_STATS?: unknown;
  SESSIONS_KV?: unknown;
  KVFERRY_KV_NAMESPACE?: string;
}

// `now`: the bridge's clock, Unix seconds. Raises whatever the object of the notes raises.
export async function health(objects: Objects, deployment: Deployment, now: number): Promise<object> {
  const { protocol, version, now: there, verbatim } = await objects.get(objects.book).kvferryHealth();
  const shared = objects.placement.kind === "shards";
  // Where each session has an object, each record and each key is a call.
  const records = atMost(shared ? LIMITS.records : LIMITS.keys, deployment.KVFERRY_RECORDS);
  return {
    version: VERSION,
    now,
    object: { protocol, version, now: there, verbatim },
    script: deployment.KVFERRY_SCRIPT || null,
    class: deployment.KVFERRY_CLASS || null,
    environment: deployment.KVFERRY_ENVIRONMENT || null,
    stats: deployment.MIGRATION_STATS !== undefined,
    namespace: objects.namespace,
    // A binding does not tell whose it is: the deployment is told.
    kv: deployment.SESSIONS_KV === undefined ? null : { namespace: deployment.KVFERRY_KV_NAMESPACE || null },
    placement: objects.placementText,
    prefix: objects.prefix,
    limits: {
      ...LIMITS,
      records,
      keys: shared ? LIMITS.keys : records,
      objects: Math.min(LIMITS.objects, records),
      bodyBytes: atMost(LIMITS.bodyBytes, deployment.KVFERRY_BODY_BYTES),
    },
  };
}

// A limit of the protocol, or a lower one that the deployment has room for (`kvferry bridge check`
// measures both). What is no number is not heeded.
function atMost(most: number, wanted: string | undefined): number {
  return /^[1-9][0-9]{0,9}$/.test(wanted ?? "") ? Math.min(Number(wanted), most) : most;
}
