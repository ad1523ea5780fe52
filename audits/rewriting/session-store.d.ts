/**
 * The module that `kvferry rewrite --to store` makes session calls go through: `sessionStore(env)`.
 *
 * An id is a key without the prefix that the store was set up with; it becomes text as in a template.
 * Data that is no bytes is stored as `JSON.stringify` writes it. Bytes that are JSON are read as
 * `JSON.parse` reads them, other UTF-8 is read as text, and everything else as bytes.
 * A deleted id is never taken again: a later create, put or touch of it writes nothing.
 */
export interface StoredSession<Data = any, Metadata = any> {
  data: Data;
  /** Unix seconds; null: it never expires; undefined: unknown, as KV does not tell by itself. */
  expiration: number | null | undefined;
  metadata: Metadata | null;
}

/** Neither `expirationTtl` nor `expiration`: the session never expires. */
export interface SessionOptions {
  /** Seconds from now. */
  expirationTtl?: number;
  /** Unix seconds. */
  expiration?: number;
  metadata?: any;
}

export interface SessionStore {
  /** The session, null when there is none, or none any more. */
  get<Data = any, Metadata = any>(id: string): Promise<StoredSession<Data, Metadata> | null>;
  /** A login: an id that was never used before. */
  create(id: string, data: unknown, options?: SessionOptions): Promise<void>;
  /** Creates the session or replaces all of it: data, metadata and expiration. */
  put(id: string, data: unknown, options?: SessionOptions): Promise<void>;
  /** Extends the expiration and changes nothing else; never shortens it, and may skip some renewals. */
  touch(id: string, options: SessionOptions): Promise<void>;
  /** Reads, changes and writes as one step; returns what was written. What `options` leave out stays. */
  update<Data = any>(
    id: string,
    change: (session: StoredSession<Data> | null) => Data | Promise<Data>,
    options?: SessionOptions,
  ): Promise<Data>;
  delete(id: string): Promise<void>;
}

/** The store of one Worker's bindings. Cheap: it may be called for every use. */
export function sessionStore(env: object): SessionStore;
