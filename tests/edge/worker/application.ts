// The application of the tests: it owns the session class, and calls whatever method a test names.
// Besides the real class there are some that the tests make from changed sources.

import { DurableObject } from "cloudflare:workers";
import { UserSessions as Real } from "EDGE/user-sessions.ts";
import { SessionTable } from "EDGE/values.ts";
import { UserSessions as Overwriting } from "OVERWRITING/user-sessions.ts";
import { UserSessions as Forgetting } from "FORGETTING/user-sessions.ts";
import { UserSessions as Breaking } from "BREAKING/user-sessions.ts";
import { UserSessions as Careless } from "CARELESS/user-sessions.ts";
import { UserSessions as Unfenced } from "UNFENCED/user-sessions.ts";
import { UserSessions as Unfinished } from "UNFINISHED/user-sessions.ts";
import { storage, WrappedSessions as Wrapped } from "./wrapped-sessions.ts";
import { WrappedSessions as Unwrapped } from "UNWRAPPED/wrapped-sessions.ts";
import { WrappedSessions as Purging } from "PURGING/wrapped-sessions.ts";
import { WrappedSessions as Strict } from "STRICT/wrapped-sessions.ts";
import { WrappedSessions as Ignorant } from "IGNORANT/wrapped-sessions.ts";
import { WrappedSessions as Presuming } from "PRESUMING/wrapped-sessions.ts";
import { WrappedSessions as Hasty } from "HASTY/wrapped-sessions.ts";
import { WrappedSessions as Burying } from "BURYING/wrapped-sessions.ts";
import { WrappedSessions as Deaf } from "DEAF/wrapped-sessions.ts";
import { METHODS } from "./words.ts";
import { DecodedSessions as Decoded, LoneSession } from "./lone-sessions.ts";
import { withToolkit } from "EDGE/with-toolkit.ts";
import { PlainSessions } from "./plain-sessions.ts";
import type { Class } from "EDGE/methods.ts";
import { FENCE } from "EDGE/notes.ts";
import type { Part, PartAnswer } from "EDGE/part.ts";

const time = { now: null as number | null };
const systemNow = Date.now.bind(Date);
const clock = () => time.now ?? systemNow() / 1000;
// Classes of other people ask the system.
Date.now = () => Math.floor(clock() * 1000);

const stage = { name: "object-first" };

type Env = Record<string, DurableObjectNamespace>;
type Context = DurableObjectState;

export class UserSessions extends Real<object, Env> {
  constructor(ctx: Context, env: Env) {
    super(ctx, env, clock);
  }
}

export class OverwritingSessions extends Overwriting<object, Env> {
  constructor(ctx: Context, env: Env) {
    super(ctx, env, clock);
  }
}

export class ForgettingSessions extends Forgetting<object, Env> {
  constructor(ctx: Context, env: Env) {
    super(ctx, env, clock);
  }
}

// Sessions that may live for ever, as the Worker's variable says.
export class Lasting extends Real<object, Env> {
  constructor(ctx: Context, env: Env) {
    super(ctx, { ...env, KVFERRY_LONGEST_TTL: "never" } as unknown as Env, clock);
  }
}

// Looks into an object's storage from inside, past every method of the class.
export class LookedInto extends Real<object, Env> {
  readonly #storage: DurableObjectStorage;

  constructor(ctx: Context, env: Env) {
    super(ctx, env, clock);
    this.#storage = ctx.storage;
  }

  async look() {
    return { bytes: this.#storage.sql.databaseSize, alarm: await this.#storage.getAlarm() };
  }

  ring() {
    return this.alarm();
  }
}

// An object that fails, with words of its own.
export class Failing extends Real<object, Env> {
  override kvferryHeads(): Promise<never> {
    throw new Error("inner words");
  }

  // Only the object that keeps the notes takes its part.
  override kvferryImport(part: Part): Promise<PartAnswer> {
    if (part.book === null) throw new Error("inner words");
    return super.kvferryImport(part);
  }
}

export class BreakingSessions extends Breaking<object, Env> {
  constructor(ctx: Context, env: Env) {
    super(ctx, env, clock);
  }
}

export class CarelessSessions extends Careless<object, Env> {
  constructor(ctx: Context, env: Env) {
    super(ctx, env, clock);
  }
}

// Objects that can be told to let parts of imports wait before they are done, those with notes excepted; and
// to let one thing wait that concerns their fence: a look at it, or the next write of it.
function holding(Base: typeof Real) {
  return class extends Base<object, Env> {
    #open: Promise<void> | null = null;
    #release: () => void = () => {};
    #waiting = 0;
    #next: "look" | "write" | null = null;
    #fence: Promise<void> | null = null;
    #releaseFence: () => void = () => {};

    constructor(ctx: Context, env: Env) {
      super(ctx, env, clock);
    }

    hold(): void {
      this.#open = new Promise((resolve) => (this.#release = resolve));
    }

    holdFence(what: "look" | "write"): void {
      this.#fence = new Promise((resolve) => (this.#releaseFence = resolve));
      this.#next = what;
    }

    async #passed(what: "look" | "write"): Promise<void> {
      if (this.#next !== what) return;
      this.#next = null;
      this.#waiting += 1;
      await this.#fence;
      this.#waiting -= 1;
    }

    // @ts-expect-error: by RPC a promise of the answer is the answer
    override async kvferryNotes(names: string[]) {
      if (names.includes(FENCE)) await this.#passed("look");
      return super.kvferryNotes(names);
    }

    letGo(): void {
      this.#open = this.#fence = null;
      this.#release();
      this.#releaseFence();
    }

    waiting(): number {
      return this.#waiting;
    }

    override async kvferryImport(part: Part): Promise<PartAnswer> {
      if (part.book?.notes.some(({ name }) => name === FENCE)) await this.#passed("write");
      if (this.#open !== null && part.book === null) {
        this.#waiting += 1;
        await this.#open;
        this.#waiting -= 1;
      }
      return super.kvferryImport(part);
    }
  };
}

export class HeldSessions extends holding(Real) {}
export class HeldUnfenced extends holding(Unfenced as unknown as typeof Real) {}
export class HeldUnfinished extends holding(Unfinished as unknown as typeof Real) {}

// Objects in which a session may be older than the toolkit.
export class CopiedInto extends UserSessions {
  readonly #sql: SqlStorage;

  constructor(ctx: Context, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
  }

  plant(key: string, value: Uint8Array): void {
    new SessionTable(this.#sql).write(key, value, null);
  }
}

// Somebody else's class in its application: with a stage, a directory that answers when it is let, and ways
// into the object past the class's methods.
function installed<Base extends Class<DurableObject & { sql: SqlStorage }>>(Base: Base) {
  abstract class Installed extends Base {
    readonly #asked: ((role: string | null) => void)[];

    constructor(...[ctx]: any[]) {
      const asked: ((role: string | null) => void)[] = [];
      const fetch = () =>
        new Promise((answer, fail) => {
          asked.push((role) => (role === null ? fail(new Error("no directory")) : answer(new Response(role))));
        });
      super(ctx, {
        DIRECTORY: { fetch },
        get SESSION_STAGE() {
          return stage.name;
        },
      });
      this.#asked = asked;
    }

    asked() {
      return this.#asked.length;
    }

    // The first of those who asked, or all. Null: with an error.
    answer(role: string | null, count = Infinity) {
      this.#asked.splice(0, count).forEach((one) => one(role));
    }

    statement(query: string, bindings: unknown[]) {
      return this.sql.exec(query, ...bindings).toArray();
    }

    async nextAlarm(set?: number | null) {
      if (set === null) await this.ctx.storage.deleteAlarm();
      else if (set !== undefined) await this.ctx.storage.setAlarm(set);
      return this.ctx.storage.getAlarm();
    }

    // As the runtime does: an alarm that goes off is not set any more.
    async ring() {
      await this.ctx.storage.deleteAlarm();
      await this.alarm?.();
    }
  }
  return Installed as unknown as Base;
}

export class WrappedSessions extends installed(Wrapped) {}
export class HalfMovedSessions extends installed(Wrapped) {}
export class UnwrappedSessions extends installed(Unwrapped) {}
export class PurgingSessions extends installed(Purging) {}
export class StrictSessions extends installed(Strict) {}
export class IgnorantSessions extends installed(Ignorant) {}
export class PresumingSessions extends installed(Presuming) {}
export class HastySessions extends installed(Hasty) {}
export class BuryingSessions extends installed(Burying) {}
export class DeafSessions extends installed(Deaf) {}

// A class that stores what it is given: what a target under test is asked to do beside a copy.
class Storing extends PlainSessions {
  storeSession(id: string, value: Uint8Array, expiration: number | null): void {
    storage(this.ctx.storage).write(id, value, expiration);
  }
}

class WrappedStoring extends withToolkit(Storing, {
  storage,
  methods: { ...METHODS, storeSession: "write" },
  origin: () => (stage.name === "dual-write" ? "dual" : "app"),
}) {}

export class StoringSessions extends installed(WrappedStoring) {
  plant(key: string, value: Uint8Array): void {
    storage(this.ctx.storage).write(key, value, null);
  }
}

export class DecodedSessions extends installed(Decoded) {}
export { LoneSession };
// A class as people have it, without the toolkit; and one with a toolkit that is not whole.
export class WithoutToolkit extends DurableObject<Env> {
  getSession(): null {
    return null;
  }
}

export class Lacking extends Real<object, Env> {}
Object.defineProperty(Lacking.prototype, "kvferryCount", { value: undefined });

// Objects of one session each, among which there are some that hold something else.
export class Apart extends CopiedInto {
  readonly #storage: DurableObjectStorage;

  constructor(ctx: Context, env: Env) {
    super(ctx, env);
    this.#storage = ctx.storage;
  }

  // Let there be a table that is not the toolkit's, with or without a row.
  scribble(rows: number): void {
    this.#storage.sql.exec("CREATE TABLE IF NOT EXISTS notes (text TEXT)");
    for (let row = 0; row < rows; row++) this.#storage.sql.exec("INSERT INTO notes VALUES ('n')");
  }

  async store(name: string): Promise<void> {
    await this.#storage.put(name, 1);
  }
}

// Objects of which the local runtime's own list is wanted: nobody else makes any.
export class Explored extends Apart {}

type Call = { binding: string; object: string; method: string; args: unknown[] };

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body: unknown = await request.json();
    if (pathname === "/clock") {
      time.now = body as number | null;
      return Response.json(null);
    }
    if (pathname === "/stage") {
      stage.name = body as string;
      return Response.json(null);
    }
    if (pathname === "/unique") {
      return Response.json(String((env[body as string] as DurableObjectNamespace).newUniqueId()));
    }
    if (pathname === "/wordless") return Response.json(wordless());
    if (pathname === "/names") return Response.json(names(body === "wrapped" ? Wrapped : Real));
    if (pathname === "/ids") {
      const { binding, objects } = body as { binding: string; objects: string[] };
      return Response.json(objects.map((name) => String((env[binding] as DurableObjectNamespace).idFromName(name))));
    }
    const calls = body as Call[];
    const answers = await Promise.all(calls.map((call) => answer(env, call)));
    return new Response(JSON.stringify(answers, outward), { headers: { "content-type": "application/json" } });
  },
};

async function answer(env: Env, { binding, object, method, args }: Call): Promise<unknown> {
  const namespace = env[binding] as DurableObjectNamespace;
  const id = /^[0-9a-f]{64}$/.test(object) ? namespace.idFromString(object) : namespace.idFromName(object);
  const stub = namespace.get(id) as unknown as Record<string, (...args: unknown[]) => unknown>;
  try {
    return { value: (await (stub[method] as (...args: unknown[]) => unknown)(...args.map(inward))) ?? null };
  } catch (error) {
    return { thrown: String(error) };
  }
}

// What is said of a class with a method that nobody has named.
function wordless(): string {
  const { signOut: _, ...methods } = METHODS;
  try {
    withToolkit(PlainSessions, { storage: () => null as never, methods: methods as typeof METHODS });
  } catch (error) {
    return String(error);
  }
  return "nothing";
}

// What RPC can call: every name on the prototypes down to the runtime's own class.
function names(start: { prototype: object }): string[] {
  const found = new Set<string>();
  let one: object | null = start.prototype;
  for (; one !== null && one !== DurableObject.prototype; one = Object.getPrototypeOf(one) as object | null) {
    for (const name of Object.getOwnPropertyNames(one)) found.add(name);
  }
  return [...found].sort();
}

// Bytes travel as {"base64": …}.
function inward(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inward);
  if (typeof value !== "object" || value === null) return value;
  if ("base64" in value) return Uint8Array.from(atob(value.base64 as string), (byte) => byte.charCodeAt(0));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inward(item)]));
}

function outward(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const given = name === "" ? value : this[name];
  if (!(given instanceof Uint8Array)) return value;
  let binary = "";
  for (const byte of given) binary += String.fromCharCode(byte);
  return { base64: btoa(binary) };
}
