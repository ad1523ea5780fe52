// The stages of a migration, and which of them a session is in.

import { hash } from "../placement.ts";

// In their order: two neighbours may be live at once, others never.
export const STAGES = ["kv", "dual-write", "shadow-read", "object-first", "object-only"] as const;
export type Stage = (typeof STAGES)[number];

// `percent` of the sessions are in `stage` already, the others in the one before.
export interface Ramp {
  stage: Stage;
  percent: number;
}

// What SESSION_STAGE and SESSION_STAGE_PERCENT say; null: nothing that can be understood.
export function rampOf(stage: string, percent: string | undefined): Ramp | null {
  const named = STAGES.find((one) => one === stage);
  const share = percent === undefined || percent === "" ? 100 : Number(percent);
  if (named === undefined || !(share >= 0 && share <= 100)) return null;
  return { stage: named, percent: share };
}

// The same for a session in every isolate that has the same settings.
export function stageOf({ stage, percent }: Ramp, id: string): Stage {
  if (percent === 100) return stage;
  // Salted, so that a shard's sessions do not all move at once.
  return hash(`stage:${id}`) % 10_000 < percent * 100 ? stage : before(stage);
}

// The earlier one of the two stages that its sessions may be in.
export function earliest({ stage, percent }: Ramp): Stage {
  return percent < 100 ? before(stage) : stage;
}

function before(stage: Stage): Stage {
  return STAGES[STAGES.indexOf(stage) - 1] ?? stage;
}

// Whose rows a write makes: "dual" as long as KV is authoritative.
export function originAt(stage: Stage): "dual" | "app" {
  return stage === "object-first" || stage === "object-only" ? "app" : "dual";
}
