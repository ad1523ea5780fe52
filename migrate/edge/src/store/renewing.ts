// When a session is renewed, and until when: never shorter than it would live anyway.

// `expiration` (Unix seconds; null: never; undefined: unknown) as it is. A renewal is due when it gains
// `every` seconds, or half of what is left.
export function due(expiration: number | null | undefined, until: number, now: number, every: number): boolean {
  if (expiration === undefined) return true;
  if (expiration === null) return false;
  const gain = until - expiration;
  return gain > 0 && gain >= Math.min(every, (expiration - now) / 2);
}

export function prolonged(expiration: number | null | undefined, until: number): number | null {
  if (expiration === undefined) return until;
  return expiration === null ? null : Math.max(expiration, until);
}
