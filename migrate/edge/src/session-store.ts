// The session store of an application: sessions in KV, in Durable Objects, or in both, as the stage says.
//
//   import { sessionStore } from "./session-store";
//   const session = await sessionStore(env).get(id);
//
// Variables and bindings are explained in store/settings.ts.

import { Counters } from "./store/counters.ts";
import { settingsOf } from "./store/settings.ts";
import { Store } from "./store/store.ts";
import { REAL } from "./store/world.ts";

export { SessionStoreError } from "./store/store-error.ts";

// `any`, as JSON.parse gives it: nothing checks that what is stored is what the application says.
export interface StoredSession<Data = any, Metadata = any> {
  data: Data;
  // Unix seconds; null: it never expires; undefined: KV does not tell, for it was stored without the store.
  expiration: number | null | undefined;
  metadata: Metadata | null;
}

// Neither `expirationTtl` (seconds from now) nor `expiration` (Unix seconds): the session never expires.
export interface SessionOptions {
  expirationTtl?: number;
  expiration?: number;
  metadata?: any;
}

export interface SessionStore {
  // The session, null when there is none, or none any more.
  get<Data = any, Metadata = any>(id: string): Promise<StoredSession<Data, Metadata> | null>;
  // A login: an id that was never used before. Raises SessionStoreError when it was deleted.
  create(id: string, data: unknown, options?: SessionOptions): Promise<void>;
  // Creates the session or replaces all of it: data, metadata and expiration. A deleted one stays deleted.
  put(id: string, data: unknown, options?: SessionOptions): Promise<void>;
  // Extends the expiration and changes nothing else; never shortens it, and may skip some renewals.
  touch(id: string, options: SessionOptions): Promise<void>;
  // Reads, changes and writes as one step, which may be tried again; returns what was written. What
  // `options` leave out stays as it was.
  update<Data = any>(
    id: string,
    change: (session: StoredSession<Data> | null) => Data | Promise<Data>,
    options?: SessionOptions,
  ): Promise<Data>;
  // Logs out. When it raises, the session may be deleted or not, or later.
  delete(id: string): Promise<void>;
}

const stores = new WeakMap<object, Store>();
const counters = new Counters(); // of the isolate
let name: string | null = null;
const isolate = (): string => (name ??= crypto.randomUUID()); // not at once: nothing is random before a request

// The store of one Worker's bindings. Cheap: it may be called for every use. Raises TypeError when its
// variables or bindings are missing.
export function sessionStore(env: object): SessionStore {
  let store = stores.get(env);
  if (store === undefined) {
    store = new Store(settingsOf(env as Record<string, string>), REAL, isolate, counters);
    stores.set(env, store);
  }
  return store as SessionStore;
}

// What the store has counted in this isolate since it began, for metrics of the application's own; none of it
// is about any one session. The names are explained in store/counters.ts.
export function sessionStoreCounters(): Record<string, number> {
  return counters.all();
}
