/** Keeps a value as JSON, for `ttl` seconds where the caller knows how long. */
export async function keep(kv: KVNamespace, key: string, value: unknown, ttl?: number): Promise<void> {
  await kv.put(key, JSON.stringify(value), {
    metadata: { kept: Date.now() },
    expirationTtl: ttl,
  });
}
