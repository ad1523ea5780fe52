// What the store needs of the world besides its two stores: time, and work that outlives its request.
// A test build brings its own.

import { waitUntil } from "cloudflare:workers";

export const UNANSWERED: unique symbol = Symbol("unanswered");

export interface World {
  // Unix seconds.
  clock(): number;
  pause(seconds: number): Promise<void>;
  // The result, or UNANSWERED when there is none in time; the work itself goes on.
  within<Result>(seconds: number, work: Promise<Result>): Promise<Result | typeof UNANSWERED>;
  // Let it go on after the request has been answered, or its client has gone.
  lasting(work: Promise<unknown>): void;
  // Begin it so many seconds later, and let it go on likewise.
  later(seconds: number, work: () => Promise<unknown>): void;
}

export const REAL: World = {
  clock: () => Date.now() / 1000,
  pause: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
  within(seconds, work) {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const over = new Promise<typeof UNANSWERED>((resolve) => {
      timer = setTimeout(() => resolve(UNANSWERED), seconds * 1000);
    });
    return Promise.race([work, over]).finally(() => clearTimeout(timer));
  },
  lasting: (work) => waitUntil(work),
  later: (seconds, work) => waitUntil(REAL.pause(seconds).then(work)),
};
