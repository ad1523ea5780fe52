// Workers KV as one location sees it: its own writes at once, those of others as late as KV allows. All versions of
// the application that serve there share it.

import { WorkerEntrypoint } from "cloudflare:workers";
import { Past } from "../../live/worker/past.ts";
import { shifted } from "./shift.ts";
import { shiftedKv } from "./shifted-kv.ts";

interface Env {
  SESSIONS: KVNamespace;
  STALE: number; // seconds
}

type Held = { value: ArrayBuffer | null; metadata: unknown };

let past: Past<Held> | null = null;

export class Location extends WorkerEntrypoint<Env> {
  getWithMetadata(key: string): Promise<Held> {
    return this.#past.read(key, () => shiftedKv(this.env.SESSIONS).getWithMetadata(key, "arrayBuffer"));
  }

  async put(key: string, value: Uint8Array, options: KVNamespacePutOptions): Promise<void> {
    await shiftedKv(this.env.SESSIONS).put(key, value, options);
    this.#past.forget(key);
  }

  async delete(key: string): Promise<void> {
    await shiftedKv(this.env.SESSIONS).delete(key);
    this.#past.forget(key);
  }

  get #past(): Past<Held> {
    return (past ??= new Past(this.env.STALE));
  }
}

export default {
  fetch: async (request: Request) => (await shifted(request)) ?? new Response(null, { status: 404 }),
};
