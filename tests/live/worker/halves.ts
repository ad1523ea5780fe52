// Halves of writes that end as a script says, and how many of them are under way.

import { waitUntil } from "cloudflare:workers";

// "fails": before anything is done; "fails after": it was done; "429": KV was written less than a second ago; a
// number: it fails at once, and is done so many milliseconds later.
export type Fault = "fails" | "fails after" | "429" | number;

export class Halves {
  #count = 0;

  get underWay(): number {
    return this.#count;
  }

  // One half, through the first of its faults.
  async run<Answer>(faults: Fault[], call: () => Promise<Answer>): Promise<Answer> {
    const fault = faults.shift();
    if (fault === "fails") throw new Error("it fails");
    if (fault === "429") {
      waitUntil(this.#counted(() => pause(1200))); // it is tried again within that time
      throw new Error("KV PUT failed: 429 Too Many Requests");
    }
    if (typeof fault === "number") {
      waitUntil(this.#counted(() => pause(fault).then(call)));
      throw new Error("it does not answer");
    }
    const answer = await this.#counted(call);
    if (fault === "fails after") throw new Error("it fails");
    return answer;
  }

  async #counted<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    this.#count += 1;
    try {
      return await call();
    } finally {
      this.#count -= 1;
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
