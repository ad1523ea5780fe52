export interface Session {
  userId: string;
  roles: string[];
}

export type AppEnv = { Bindings: { AUTH_SESSIONS: KVNamespace }; Variables: { session: Session } };
