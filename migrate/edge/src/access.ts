// Cloudflare Access before the bridge: the Worker checks the token itself, signature, issuer, audience and
// times, because a request may come by a way that Access does not guard. A key of the bridge is needed
// as well.

import { AccessKeys, RS256 } from "./access-keys.ts";
import { fromBase64Url, utf8 } from "./text.ts";

export interface AccessEnv {
  KVFERRY_ACCESS_TEAM?: string; // acme, or acme.cloudflareaccess.com
  KVFERRY_ACCESS_AUDIENCE?: string; // the application's AUD tag
}

// Who must have issued a token, and for which application.
export interface Guard {
  issuer: string;
  audience: string;
}

export const CLOCKS_DIFFER = 60; // seconds by which times in a token may be off
const LONGEST_TOKEN = 16_384;
const TEAM = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.cloudflareaccess\.com)?$/;
const AUDIENCE = /^[A-Za-z0-9_-]{8,128}$/;

// What the variables ask for. Null: no Access. "wrong": half of it, or what is no team or audience; an
// empty variable is one that was meant to be filled.
export function guardOf(env: AccessEnv): Guard | null | "wrong" {
  const { KVFERRY_ACCESS_TEAM: team, KVFERRY_ACCESS_AUDIENCE: audience } = env;
  if (team === undefined && audience === undefined) return null;
  const name = TEAM.exec(team ?? "")?.[1];
  if (name === undefined || !AUDIENCE.test(audience ?? "")) return "wrong";
  return { issuer: `https://${name}.cloudflareaccess.com`, audience: audience as string };
}

export type CertsUrl = (issuer: string) => string;
export const certsOf: CertsUrl = (issuer) => `${issuer}/cdn-cgi/access/certs`;

// One for each isolate: it remembers the keys. `certs`: where a team's are; a test has its own.
export class AccessGate {
  readonly #clock: () => number;
  readonly #certs: CertsUrl;
  readonly #keys = new Map<string, AccessKeys>();

  constructor(clock: () => number, certs: CertsUrl) {
    this.#clock = clock;
    this.#certs = certs;
  }

  // Did Access let this request through? Raises Problem when the team's keys cannot be fetched.
  // What can be refused without a key is refused first, so that strangers cause no fetches with it.
  async admits(token: string | null, guard: Guard): Promise<boolean> {
    const parts = (token ?? "").split(".");
    if (token === null || token.length > LONGEST_TOKEN || parts.length !== 3) return false;
    const [header, claims, mac] = parts as [string, string, string];
    const id = keyId(document(header));
    const signature = fromBase64Url(mac);
    if (id === null || signature === null || !this.#fit(document(claims), guard)) return false;
    const key = await this.#keysOf(guard.issuer).get(id);
    if (key === null) return false;
    return crypto.subtle.verify(RS256.name, key, signature, utf8(`${header}.${claims}`));
  }

  #fit(claims: Record<string, unknown>, { issuer, audience }: Guard): boolean {
    const { iss, aud, exp, nbf, iat } = claims;
    const now = this.#clock();
    const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
    if (iss !== issuer || !audiences.includes(audience)) return false;
    if (typeof exp !== "number" || exp + CLOCKS_DIFFER <= now) return false;
    return [nbf, iat].every((from) => from === undefined || (typeof from === "number" && from - CLOCKS_DIFFER <= now));
  }

  #keysOf(issuer: string): AccessKeys {
    const url = this.#certs(issuer);
    const known = this.#keys.get(url);
    if (known !== undefined) return known;
    const made = new AccessKeys(url, this.#clock);
    this.#keys.set(url, made);
    return made;
  }
}

// Which key signed it, as its header says; null: none of the kind that Access uses. Only RS256 is taken,
// so that no token chooses how it is checked.
function keyId({ alg, kid, crit }: Record<string, unknown>): string | null {
  return alg === "RS256" && crit === undefined && typeof kid === "string" && kid !== "" ? kid : null;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function document(part: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(decoder.decode(fromBase64Url(part) ?? new Uint8Array()));
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
