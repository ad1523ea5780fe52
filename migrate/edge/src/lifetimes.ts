// How long a logout must be remembered: as long as anything may still bring the session back.

// Browsers keep no cookie for longer than 400 days (RFC 6265bis), so this is how long a session lives at
// most that is known by a cookie. Whatever else carries one may live longer: `longestTtl` says so.
export const COOKIES_END = 400 * 86_400;

export interface LifetimeEnv {
  KVFERRY_LONGEST_TTL?: string; // seconds, or "never"; of the Worker that owns the class
}

// The longest time to live with which the application writes any session, in seconds: what the variable
// says, and never less than cookies last. What cannot be understood is taken for the longest.
export function longestTtl(env: LifetimeEnv | null | undefined): number {
  const said = env?.KVFERRY_LONGEST_TTL;
  if (said === undefined) return COOKIES_END;
  const seconds = /^[1-9][0-9]{0,11}$/.test(said) ? Number(said) : Infinity;
  return Math.max(COOKIES_END, seconds);
}

// Until when the logout of a session is kept that is deleted now (Unix seconds; null: for ever).
// `expiration` was the session's (null: it never expired; undefined: nobody knows the session) and
// `written` when it was set last. A write that was on its way may give the copy in KV as long a life again
// as that one did, or as the longest that there is.
export function rememberedUntil(
  expiration: number | null | undefined,
  written: number | undefined,
  longest: number,
  now: number,
): number | null {
  if (expiration === null || longest === Infinity) return null;
  const given = expiration === undefined || written === undefined ? 0 : Math.ceil(expiration - written);
  return Math.max(expiration ?? 0, Math.floor(now) + Math.max(longest, given));
}
