// The session store as it is, and as it would be with a rule broken: MUTANTS of the runtime's plan.

import { Store as Real } from "EDGE/store/store.ts";
import { UNANSWERED as real } from "EDGE/store/world.ts";
import { Store as Disobeying } from "DISOBEYING/store/store.ts";
import { UNANSWERED as disobeying } from "DISOBEYING/store/world.ts";
import { Store as Lax } from "LAX/store/store.ts";
import { UNANSWERED as lax } from "LAX/store/world.ts";
import { Store as Uncompared } from "UNCOMPARED/store/store.ts";
import { UNANSWERED as uncompared } from "UNCOMPARED/store/world.ts";
import { Store as Uncounting } from "UNCOUNTING/store/store.ts";
import { UNANSWERED as uncounting } from "UNCOUNTING/store/world.ts";

// `UNANSWERED`: its own, which no other build knows.
export interface Build {
  Store: typeof Real;
  readonly UNANSWERED: typeof real;
}

export const STORES = {
  EDGE: { Store: Real, UNANSWERED: real },
  DISOBEYING: { Store: Disobeying, UNANSWERED: disobeying },
  LAX: { Store: Lax, UNANSWERED: lax },
  UNCOMPARED: { Store: Uncompared, UNANSWERED: uncompared },
  UNCOUNTING: { Store: Uncounting, UNANSWERED: uncounting },
} as unknown as Record<string, Build>;
