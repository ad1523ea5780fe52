// The session class: one Durable Object per session, or per shard of them. It belongs to the
// application's own Worker, because deleting a script deletes the objects of its classes.

import { DurableObject } from "cloudflare:workers";
import { decoded } from "./decoded.ts";
import type { Written } from "./laws.ts";
import { longestTtl } from "./lifetimes.ts";
import type { LifetimeEnv } from "./lifetimes.ts";
import { TOOLKIT, withMethods } from "./methods.ts";
import type { ToolkitMethods } from "./methods.ts";
import type { Origin, Stored } from "./record.ts";
import { utf8 } from "./text.ts";
import { Toolkit } from "./toolkit.ts";
import { SessionTable } from "./values.ts";
import { LONGEST_VALUE } from "./wire.ts";

// How long a session lives: seconds from now, or Unix seconds, or (for a put) neither: for ever.
export interface Lifetime {
  expirationTtl?: number;
  expiration?: number;
}

// `origin`: "dual" while KV is still authoritative and written too; "app" (the default) afterwards.
// `notAfter`: Unix seconds after which the write is refused as late.
export interface WriteOptions extends Lifetime {
  origin?: "dual" | "app";
  notAfter?: number;
}

export type PutOptions = WriteOptions & { metadata?: unknown };

// What a test build passes instead: the clock, in Unix seconds.
export type Clock = () => number;

const systemClock: Clock = () => Date.now() / 1000;

// A base that keeps `Env`.
const SessionObject = withMethods(DurableObject) as unknown as new <Env>(
  ctx: DurableObjectState,
  env: Env,
) => DurableObject<Env> & ToolkitMethods;

// `Data`: what the application's sessions are. Nothing checks that what is stored is that; a value
// that is no JSON comes back as text, or as bytes.
export class UserSessions<Data = object, Env = unknown> extends SessionObject<Env> {
  constructor(ctx: DurableObjectState, env: Env, clock: Clock = systemClock) {
    super(ctx, env);
    const longest = longestTtl(env as LifetimeEnv);
    this[TOOLKIT] = new Toolkit(ctx.storage, () => new SessionTable(ctx.storage.sql, longest), clock);
  }

  // ---------------------------------------------------------------- the application's methods

  // The session, its data parsed as JSON, else as text, else as bytes. Null: there is none, it has
  // expired, or it was deleted.
  getSession(id: string): { data: Data } | null {
    const row = id.isWellFormed() ? this[TOOLKIT].looks.live(id) : null;
    return row?.value ? { data: decoded(row.value) as Data } : null;
  }

  // Store a session, over an older state of it: bytes and text as they are, everything else as JSON.
  putSession(id: string, data: Data | Uint8Array | ArrayBuffer | string, options: PutOptions = {}): Promise<Written> {
    const { metadata, notAfter } = options;
    const record: Stored = {
      key: sound(id),
      value: encoded(data),
      metadata: metadata === undefined || metadata === null ? null : json(metadata),
      expiration: this.#until(options),
    };
    if (record.value.length > LONGEST_VALUE) throw new RangeError("a session's data is too long");
    return this[TOOLKIT].put(record, origin(options), notAfter ?? null);
  }

  // Let a session live longer; never shorter, and no value is written.
  touchSession(id: string, options: WriteOptions): Promise<Written> {
    const until = this.#until(options);
    if (until === null) throw new TypeError("say how long: expirationTtl or expiration");
    return this[TOOLKIT].touch(sound(id), until, origin(options), options.notAfter ?? null);
  }

  // Delete a session for ever, known or not: its id answers "gone" from now on. Idempotent.
  deleteSession(id: string, options: Pick<WriteOptions, "origin"> = {}): Promise<Written> {
    return this[TOOLKIT].remove(sound(id), origin(options));
  }

  // ---------------------------------------------------------------- the runtime's

  override alarm(): Promise<void> {
    return this[TOOLKIT].alarm();
  }

  #until({ expirationTtl, expiration }: Lifetime): number | null {
    if (expirationTtl !== undefined && expiration !== undefined) {
      throw new TypeError("give expirationTtl or expiration, not both");
    }
    const until = expirationTtl === undefined ? expiration : Math.floor(this[TOOLKIT].now()) + expirationTtl;
    if (until === undefined) return null;
    if (!Number.isSafeInteger(until)) throw new TypeError("an expiration is a whole number of seconds");
    return until;
  }
}

function origin(options: Pick<WriteOptions, "origin">): Origin {
  const given = options.origin ?? "app";
  if (given !== "app" && given !== "dual") throw new TypeError('origin is "app" or "dual"');
  return given;
}

function sound(id: string): string {
  if (typeof id !== "string" || id === "" || !id.isWellFormed()) throw new TypeError("a session id is text");
  return id;
}

function encoded(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return utf8(typeof data === "string" ? data : json(data));
}

function json(data: unknown): string {
  const text: string | undefined = JSON.stringify(data);
  if (text === undefined) throw new TypeError("what is stored must be JSON, text or bytes");
  return text;
}
