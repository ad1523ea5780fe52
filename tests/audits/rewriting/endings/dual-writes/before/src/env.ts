import type { SessionObject } from "./object";

export interface Env {
  SESSIONS: KVNamespace;
  SESSION_OBJECT: DurableObjectNamespace<SessionObject>;
}

export interface Session {
  user: string;
}
