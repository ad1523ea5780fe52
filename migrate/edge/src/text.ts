// Texts that stand for bytes, and the order of keys: base64, digests, UTF-8.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

// A value as text, for a column that holds text; null: it is no UTF-8, and text would not be the same.
export function textOf(value: Uint8Array): string | null {
  try {
    return decoder.decode(value);
  } catch {
    return null;
  }
}

// Negative, zero or positive: the order of the keys' UTF-8 bytes, which is SQLite's and Workers KV's.
// (JavaScript's own order differs where surrogates meet the characters above them.)
export function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const a = one.charCodeAt(index);
    const b = other.charCodeAt(index);
    if (a === b) continue;
    const surrogates = Number(isSurrogate(a)) - Number(isSurrogate(b));
    return surrogates === 0 ? a - b : surrogates;
  }
  return one.length - other.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

// What newer engines do by themselves, many times as fast; Node.js 22 does not.
const native = Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array };

// The bytes, or null when the text is not base64 with its padding.
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  const bytes = decoded(text);
  // Blanks, which decoders pass over, make it shorter.
  return bytes?.length === (text.length / 4) * 3 - padding ? bytes : null;
}

function decoded(text: string): Uint8Array | null {
  let binary: string;
  try {
    if (native.fromBase64) return native.fromBase64(text);
    binary = atob(text);
  } catch {
    return null;
  }
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

const AT_ONCE = 0x2000; // as many arguments as a call takes for certain

export function toBase64(bytes: Uint8Array & { toBase64?: () => string }): string {
  if (bytes.toBase64) return bytes.toBase64();
  let binary = "";
  for (let start = 0; start < bytes.length; start += AT_ONCE) {
    binary += String.fromCharCode(...bytes.subarray(start, start + AT_ONCE));
  }
  return btoa(binary);
}

export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// The bytes, or null when the text is not base64url without padding, written in the one shortest way.
export function fromBase64Url(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  const bytes = decoded(text.replaceAll("-", "+").replaceAll("_", "/"));
  return bytes && toBase64Url(bytes) === text ? bytes : null;
}

// The digest of a value: the first 16 bytes of SHA-256, base64url. Nothing canonicalised is ever hashed.
export async function digest(value: Uint8Array): Promise<string> {
  const whole = await crypto.subtle.digest("SHA-256", value);
  return toBase64Url(new Uint8Array(whole, 0, 16));
}
