// The keys that open the bridge: who may do what until when, signed with the bridge's secret.
//
//   kvf1.SCOPE.ISSUED.EXPIRES.MAC     times in Unix seconds; MAC: HMAC-SHA256, base64url
//
// A key is derived from the secret by whoever has it, and the bridge stores none. Scope and both times
// are under the signature, so a key cannot be widened or prolonged, and one that was made to
// live for more than 14 days is refused from its first second. A new secret ends all keys at once.

import { fromBase64Url, utf8 } from "./text.ts";

export const SCOPES = ["verify", "import", "values", "delete", "kv"] as const;
export type Scope = (typeof SCOPES)[number];

export const SECRET_LENGTH = 32; // characters, at least
export const LONGEST_LIFE = 14 * 86_400;
const CLOCKS_DIFFER = 300; // seconds by which a key may come from the future
const LONGEST_KEY = 200;
const FORM = /^kvf1\.(verify|import|values|delete|kv)\.(0|[1-9][0-9]{0,11})\.(0|[1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})$/;

// What the key of an Authorization header may do; null: there is no valid key, for whatever reason.
// Every key of the right form is compared in constant time, before its times are looked at.
export async function scopeOf(header: string | null, secret: string, now: number): Promise<Scope | null> {
  const token = header?.startsWith("Bearer ") ? header.slice(7) : "";
  const parts = token.length <= LONGEST_KEY ? FORM.exec(token) : null;
  const mac = parts && fromBase64Url(parts[4] as string);
  if (!parts || !mac) return null;
  const issued = Number(parts[2]);
  const expires = Number(parts[3]);
  const message = utf8(token.slice(0, token.lastIndexOf(".")));
  const key = await crypto.subtle.importKey(
    "raw",
    utf8(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  if (!(await crypto.subtle.verify("HMAC", key, mac, message))) return null; // in constant time
  const inTime = issued <= now + CLOCKS_DIFFER && now < expires && expires - issued <= LONGEST_LIFE;
  return inTime ? (parts[1] as Scope) : null;
}

// Every key may verify: heads and digests, counts, notes. Only its own scope allows the rest.
export function allows(scope: Scope, needed: Scope): boolean {
  return needed === "verify" || scope === needed;
}
