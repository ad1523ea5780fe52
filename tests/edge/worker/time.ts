// The time of the store's tests, for the store and its objects: a test's, or the real one.

export const time = { now: null as number | null };

// Unix seconds.
export const clock = (): number => time.now ?? Date.now() / 1000;
