// Writing into KV over the wire. KV takes whatever arrives, however late, and has no compare-and-set: so each
// write begins before its not-after time by the bridge's own clock or not at all, and none outlives the
// request (nothing here is under waitUntil). The exporter decides what may be written, and reads it again
// afterwards. Needs a key of its own scope.

import { each } from "./objects.ts";
import type { Objects } from "./objects.ts";
import { Problem } from "./problem.ts";
import { sameMetadata } from "./record.ts";
import { Misshapen } from "./shape.ts";
import { utf8 } from "./text.ts";
import { LIMITS } from "./wire.ts";
import type { KvRequest } from "./wire.ts";

// As much of a KVNamespace as is used.
export interface KvWriter {
  put(key: string, value: Uint8Array, options: { metadata?: unknown; expiration?: number }): Promise<void>;
  delete(key: string): Promise<void>;
}

// What became of one write. "late": it has not begun, its not-after time was over. "soon": KV takes no such
// expiration. "unfit": nor such metadata. "slow": KV says that the key was written less than a second ago.
// "failed": KV gave an error, and may have taken it or not. Only "done" and "failed" may have changed anything.
export type KvWritten = "done" | "late" | "soon" | "unfit" | "slow" | "failed";

const AT_ONCE = 6; // the connections that a request may have
const SOONEST = 60; // seconds; KV takes no expiration that is nearer
const METADATA_BYTES = 1024;
const PAUSE = 1100; // milliseconds: one write a second for each key

// `kv`: undefined where none is bound. Each write is attempted twice at most, which with LIMITS.kvKeys leaves
// more than half of the calls to Cloudflare's services that a request has on a free plan (1,000).
export async function kvWritten(
  request: KvRequest,
  objects: Objects,
  kv: KvWriter | undefined,
  clock: () => number,
): Promise<object> {
  if (kv === undefined) throw new Problem("kv");
  const { notAfter, puts, deletes } = request;
  if (notAfter > clock() + LIMITS.kvSeconds) throw new Misshapen("/notAfter", "is too far ahead");
  check(request, objects);
  const begin = async (write: () => Promise<void>): Promise<KvWritten> => {
    for (let again = false; ; again = true) {
      if (clock() > notAfter) return "late";
      try {
        await write();
        return "done";
      } catch (error) {
        const slow = /\b429\b/.test(String(error));
        if (again || !slow) return slow ? "slow" : "failed";
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
  };
  const put = async ({ key, value, metadata, expiration }: KvRequest["puts"][number]): Promise<KvWritten> => {
    if (expiration !== null && expiration - clock() < SOONEST) return "soon";
    if (!fits(metadata)) return "unfit";
    const until = expiration === null ? {} : { expiration };
    const options = metadata === null ? until : { ...until, metadata: JSON.parse(metadata) as unknown };
    return begin(() => kv.put(key, value, options));
  };
  const writes = [...puts.map((one) => () => put(one)), ...deletes.map((key) => () => begin(() => kv.delete(key)))];
  const ended = await each(writes, (write) => write(), AT_ONCE);
  return { puts: ended.slice(0, puts.length), deletes: ended.slice(puts.length) };
}

// Only keys of sessions, each once, and no more of them than there is room for.
function check({ puts, deletes }: KvRequest, objects: Objects): void {
  if (puts.length + deletes.length > LIMITS.kvKeys) throw new Misshapen("/deletes", "has too many items");
  const seen = new Set<string>();
  const places: [string, string][] = [
    ...puts.map(({ key }, index): [string, string] => [key, `/puts/${index}/key`]),
    ...deletes.map((key, index): [string, string] => [key, `/deletes/${index}`]),
  ];
  for (const [key, at] of places) {
    objects.id(key, at);
    if (seen.has(key)) throw new Misshapen(at, "comes twice");
    seen.add(key);
  }
}

// Would KV hold these metadata, and give them back as they are? JavaScript cannot hold every number.
function fits(metadata: string | null): boolean {
  if (metadata === null) return true;
  let text: string;
  try {
    text = JSON.stringify(JSON.parse(metadata));
  } catch {
    return false;
  }
  return utf8(text).length <= METADATA_BYTES && sameMetadata(metadata, text);
}
