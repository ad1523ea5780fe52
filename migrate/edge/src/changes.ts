// Which changes of a row are remembered: a few, the last one among them, and the others so far apart that they
// tell roughly when a version ended that KV still shows. A session may be written every second, and KV lag by
// a minute: its last few changes would all be later than what KV shows.

import type { Change } from "./record.ts";

const MOST = 5;
const APART = 25; // seconds between two of them, once there are more

// `changes`: the newest last.
export function remembered(changes: Change[]): Change[] {
  const kept = [...changes];
  while (kept.length > MOST) {
    const near = kept.findIndex(({ at }, index) => {
      const before = kept[index - 1];
      return before !== undefined && index < kept.length - 1 && at - before.at < APART;
    });
    kept.splice(Math.max(near, 0), 1);
  }
  return kept;
}
