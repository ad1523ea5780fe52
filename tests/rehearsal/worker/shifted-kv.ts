// Workers KV by the shifted clock: the real namespace, which knows the real time only, keeps each expiration
// beside the metadata, and what has expired by the shifted clock is there for nobody.

interface Beside {
  m: unknown; // metadata, null: none
  x: number | null; // expiration, Unix seconds
}

const NOTHING = { value: null, metadata: null };
const SOONEST = 60; // seconds; KV takes no expiration that is nearer

export function shiftedKv(real: KVNamespace): KVNamespace {
  const kv = {
    async getWithMetadata(key: string | string[], type: "arrayBuffer" | "text"): Promise<unknown> {
      if (typeof key === "string") return shown(await real.getWithMetadata<Beside>(key, type as "arrayBuffer"));
      const found = await real.getWithMetadata<Beside>(key, "text");
      return new Map([...found].map(([name, one]) => [name, shown(one ?? NOTHING)])); // null: there is no such key
    },
    async get(key: string): Promise<string | null> {
      return shown(await real.getWithMetadata<Beside>(key, "text")).value;
    },
    async list(options: KVNamespaceListOptions): Promise<unknown> {
      const page = await real.list<Beside>(options);
      const keys = page.keys.filter(({ metadata }) => !over(metadata)).map(({ name, metadata }) => ({
        name,
        ...(metadata?.x == null ? {} : { expiration: metadata.x }),
        ...(metadata?.m == null ? {} : { metadata: metadata.m }),
      }));
      return { ...page, keys };
    },
    async put(key: string, value: string | ArrayBuffer | ArrayBufferView, options: KVNamespacePutOptions = {}): Promise<void> {
      const { expiration, expirationTtl, metadata = null } = options;
      const now = Date.now() / 1000;
      const until = expiration ?? (expirationTtl === undefined ? null : Math.floor(now) + expirationTtl);
      if (until !== null && until < Math.floor(now) + SOONEST) throw new Error("KV PUT failed: 400 Invalid expiration");
      const beside: Beside = { m: metadata, x: until };
      await real.put(key, value, { metadata: beside, ...(until === null ? {} : { expiration: until }) });
    },
    delete: (key: string) => real.delete(key),
  };
  return kv as unknown as KVNamespace;
}

function over(beside: Beside | null | undefined): boolean {
  return beside?.x != null && beside.x <= Date.now() / 1000;
}

function shown<Value>({ value, metadata }: { value: Value | null; metadata: Beside | null }): { value: Value | null; metadata: unknown } {
  return over(metadata) ? { value: null, metadata: null } : { value, metadata: metadata?.m ?? null };
}
