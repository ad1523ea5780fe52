// The bridge: HTTP to RPC, for kvferry outside of Cloudflare. Deny by default, one screen of routing.
//
// Whoever has no valid key learns nothing, not even which routes there are. It logs nothing.

import { AccessGate, certsOf, guardOf } from "./access.ts";
import type { AccessEnv, CertsUrl } from "./access.ts";
import { allows, scopeOf, SECRET_LENGTH } from "./bearer.ts";
import type { Scope } from "./bearer.ts";
import type { Countings } from "./counting.ts";
import { health } from "./health.ts";
import type { Deployment } from "./health.ts";
import type { KvWriter } from "./kv-writing.ts";
import { Objects } from "./objects.ts";
import type { SessionObjects } from "./objects.ts";
import { isLocationHint, placementOf } from "./placement.ts";
import { Problem, problemAnswer, problemOf } from "./problem.ts";
import { Misshapen } from "./shape.ts";
import { answerTo } from "./verbs.ts";
import { LIMITS, PROTOCOL, REQUESTS } from "./wire.ts";

export interface BridgeEnv extends AccessEnv, Deployment {
  USER_SESSIONS: SessionObjects;
  MIGRATION_STATS?: Countings;
  SESSIONS_KV?: KvWriter;
  KVFERRY_BRIDGE_SECRET?: string;
  KVFERRY_PLACEMENT?: string;
  KVFERRY_PREFIX?: string;
  KVFERRY_LOCATION_HINT?: string;
}

const BASE = "/kvferry/v1/";
const SMALL_BODY = 1024 * 1024; // of everything that brings no values

const SCOPES: Record<keyof typeof REQUESTS, Scope> = {
  import: "import",
  fence: "import",
  bury: "delete",
  kv: "kv",
  revert: "kv",
  finish: "delete",
  heads: "verify",
  read: "values",
  objects: "verify",
  scan: "verify",
  tombstones: "verify",
  count: "verify",
  stats: "verify",
  probe: "verify",
  checkpoint: "verify",
};

// `clock`: Unix seconds. `certs`: where the keys of Cloudflare Access are; only a test has others.
export function bridge(clock: () => number, certs: CertsUrl = certsOf): ExportedHandler<BridgeEnv> {
  const gate = new AccessGate(clock, certs);
  return {
    async fetch(request, env): Promise<Response> {
      try {
        return await answered(request, env, clock, gate);
      } catch (error) {
        const { problem, members } = problemOf(error);
        return problemAnswer(problem, members);
      }
    },
  };
}

async function answered(
  request: Request,
  env: BridgeEnv,
  clock: () => number,
  gate: AccessGate,
): Promise<Response> {
  const now = clock();
  const guard = guardOf(env);
  if (guard === "wrong") throw new Problem("unconfigured");
  const secret = env.KVFERRY_BRIDGE_SECRET ?? "";
  const placement = placementOf(env.KVFERRY_PLACEMENT);
  const hint = env.KVFERRY_LOCATION_HINT || undefined;
  const known = hint === undefined || isLocationHint(hint);
  if (secret.length < SECRET_LENGTH || placement === null || !known) throw new Problem("unconfigured");
  const scope = await scopeOf(request.headers.get("authorization"), secret, now);
  if (scope === null) throw new Problem("unauthorized");
  // After the key, so that strangers neither learn of Access nor let its keys be fetched.
  if (guard !== null && !(await gate.admits(request.headers.get("cf-access-jwt-assertion"), guard))) {
    throw new Problem("access");
  }
  const { pathname } = new URL(request.url);
  const verb = pathname.startsWith(BASE) ? pathname.slice(BASE.length) : "";
  const objects = new Objects(
    env.USER_SESSIONS,
    placement,
    env.KVFERRY_PREFIX ?? "",
    hint,
  );
  if (verb === "health") {
    expectMethod(request, "GET");
    return json(await health(objects, env, now));
  }
  if (!isVerb(verb)) throw new Problem("not-found");
  expectMethod(request, "POST");
  if (!allows(scope, SCOPES[verb])) throw new Problem("forbidden");
  const document = await bodyOf(request, verb === "import" || verb === "kv" || verb === "probe" ? LIMITS.bodyBytes : SMALL_BODY);
  if (document.protocol !== PROTOCOL) throw new Problem("protocol", { protocol: PROTOCOL });
  const bound = { countings: env.MIGRATION_STATS, kv: env.SESSIONS_KV };
  try {
    return json(await answerTo(verb, document, objects, scope, clock, bound));
  } catch (error) {
    if (!(error instanceof Misshapen)) throw error;
    throw new Problem("invalid", { pointer: error.pointer, detail: error.reason });
  }
}

function isVerb(text: string): text is keyof typeof REQUESTS {
  return Object.hasOwn(REQUESTS, text);
}

function expectMethod(request: Request, method: string): void {
  if (request.method !== method) throw new Problem("method");
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

async function bodyOf(request: Request, most: number): Promise<Record<string, unknown>> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) throw new Problem("media-type");
  if (Number(request.headers.get("content-length") ?? 0) > most) throw new Problem("too-large");
  const bytes = await read(request, most);
  let document: unknown;
  try {
    document = JSON.parse(decoder.decode(bytes));
  } catch {
    throw new Problem("malformed");
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new Problem("invalid", { pointer: "", detail: "is no object" });
  }
  return document as Record<string, unknown>;
}

// The body, as long as it has no more than `most` bytes, whatever its headers say.
async function read(request: Request, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > most) throw new Problem("too-large");
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let start = 0;
  for (const chunk of chunks) {
    whole.set(chunk, start);
    start += chunk.length;
  }
  return whole;
}

function json(document: object): Response {
  return new Response(JSON.stringify({ protocol: PROTOCOL, ...document }), {
    headers: {
      "cache-control": "no-store",
      "content-type": "application/json",
      "x-content-type-options": "nosniff",
    },
  });
}
