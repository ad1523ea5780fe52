// What a read serves at a stage: decided from what the object answered.

import type { Here, HereRow } from "../half-calls.ts";
import type { Stage } from "./stages.ts";

// "nobody": there is no session. "row": the object's. "kv": whatever KV has. "adopt": whatever KV has, which
// the object is given then. "error": the object's code is too old to be believed.
export type Served = "nobody" | "row" | "kv" | "adopt" | "error";

export function served(stage: Exclude<Stage, "kv" | "dual-write">, here: Here): Served {
  if (here.is === "older") return "error";
  if (here.is === "deleted") return "nobody";
  if (stage === "shadow-read") {
    // KV is right about all rows but the application's own; about nothing where the object has none.
    return here.is === "row" && here.origin === "app" ? lives(here) : "kv";
  }
  if (here.is === "row") return lives(here);
  return stage === "object-first" ? "adopt" : "nobody";
}

function lives(row: HereRow): Served {
  return row.value === null ? "nobody" : "row";
}
