// Values that the class writes by itself as well: what is really there, held against what was put on
// record. A class may be cut off between its write and the record of it, and not every statement of a class
// goes through one of its methods, so a look never trusts the record alone.

import { expired } from "./record.ts";
import type { Origin, Provenance, Row, Seen } from "./record.ts";
import { digestAtOnce } from "./sha256.ts";
import type { Value } from "./values.ts";

const NOTHING = new Uint8Array(0);

export class Witness {
  readonly #clock: () => number;
  readonly #stage: () => "app" | "dual";

  // `clock`: Unix seconds. `stage`: the origin of what the class writes now.
  constructor(clock: () => number, stage: () => "app" | "dual") {
    this.#clock = clock;
    this.#stage = stage;
  }

  seen({ value, expiration }: Value): Seen {
    return { digest: digestAtOnce(value), expiration };
  }

  // Is this what was put on record?
  knows({ seen }: Provenance, found: Value): boolean {
    return seen !== null && seen.expiration === found.expiration && seen.digest === digestAtOnce(found.value);
  }

  over(expiration: number | null): boolean {
    return expired(expiration, this.#clock());
  }

  // The row that record and value make together. What differs from the record has another version, so
  // that nothing replaces it that was decided on before:
  // - another value: the class wrote it. Whose it is, the stage says; `app` and `legacy` rows stay so.
  // - no value, and it had expired: the class purged it. It is still there, an expired row without bytes.
  // - no value although it had not: somebody deleted the session, and it stays deleted.
  row(key: string, known: Provenance, found: Value | null): Row {
    const expiration = known.seen?.expiration ?? null;
    if (found !== null) {
      if (this.knows(known, found)) return { ...known, key, ...found };
      const origin: Origin = known.origin === "app" || known.origin === "legacy" ? known.origin : this.#stage();
      return { ...known, origin, version: known.version + 1, seen: this.seen(found), key, ...found };
    }
    if (this.over(expiration)) return { ...known, key, value: NOTHING, expiration };
    const tombstone = { expiration, deletedAt: Math.floor(this.#clock()), keepUntil: null };
    return { ...known, version: known.version + 1, metadata: null, tombstone, key, value: null, expiration };
  }
}
