// The keys with which a team's Cloudflare Access signs its tokens, fetched from the team's own address and
// kept in the isolate. Cloudflare changes them every six weeks, and the one before stays valid for a week.

import { Problem } from "./problem.ts";

const AGAIN = 60; // seconds between two fetches, whatever tokens ask for
const AFTER_FAILURE = 5; // seconds, as long as there are no keys at all
const FRESH = 3600; // seconds after which keys that were withdrawn are noticed
const KEPT = 86_400; // seconds for which keys serve that cannot be fetched again
const PATIENCE = 5000; // milliseconds that a fetch may take
const MOST_KEYS = 16;
const LEAST_BITS = 2048;

export const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

export class AccessKeys {
  readonly #url: string;
  readonly #clock: () => number;
  #keys: Map<string, CryptoKey> | null = null;
  #fetched = -Infinity; // when the keys were
  #asked = -Infinity; // when they were last asked for

  constructor(url: string, clock: () => number) {
    this.#url = url;
    this.#clock = clock;
  }

  // The key of this id; null: the team has none. Requests that come before there are any keys fetch them
  // each for itself, because none may wait for another's fetch.
  async get(id: string): Promise<CryptoKey | null> {
    const now = this.#clock();
    const known = now - this.#fetched < KEPT ? this.#keys : null;
    const wanted = known === null || now - this.#fetched >= FRESH || !known.has(id);
    if (wanted && now - this.#asked >= (known === null ? AFTER_FAILURE : AGAIN)) {
      if (known !== null) this.#asked = now;
      const keys = await fetched(this.#url);
      this.#asked = now;
      if (keys !== null) [this.#keys, this.#fetched] = [keys, now];
      else if (known === null) throw new Problem("access-keys");
      return (keys ?? known)?.get(id) ?? null;
    }
    if (known === null) throw new Problem("access-keys");
    return known.get(id) ?? null;
  }
}

// Null: there was no answer with keys.
async function fetched(url: string): Promise<Map<string, CryptoKey> | null> {
  let document: unknown;
  try {
    const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.status !== 200) return null;
    document = await answer.json();
  } catch {
    return null;
  }
  const { keys } = Object(document) as { keys?: unknown };
  if (!Array.isArray(keys)) return null;
  const found = new Map<string, CryptoKey>();
  for (const one of (keys as unknown[]).slice(0, MOST_KEYS)) {
    const { kid, kty, alg, use } = Object(one) as JsonWebKey & { kid?: unknown };
    const ours = kty === "RSA" && (alg ?? "RS256") === "RS256" && (use ?? "sig") === "sig";
    if (!ours || typeof kid !== "string") continue;
    const key = await imported(one as JsonWebKey);
    if (key !== null) found.set(kid, key);
  }
  return found.size > 0 ? found : null;
}

async function imported({ kty, n, e }: JsonWebKey): Promise<CryptoKey | null> {
  try {
    const jwk = { kty, n, e } as JsonWebKey; // the public half and nothing else
    const key = await crypto.subtle.importKey("jwk", jwk, RS256, false, ["verify"]);
    const { modulusLength } = key.algorithm as unknown as { modulusLength: number };
    return modulusLength >= LEAST_BITS ? key : null;
  } catch {
    return null;
  }
}
