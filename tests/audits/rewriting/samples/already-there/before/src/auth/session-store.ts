export interface SessionStore {
  get(id: string): Promise<{ data: any } | null>;
  delete(id: string): Promise<void>;
}

export function sessionStore(env: { SESSIONS: KVNamespace }): SessionStore {
  return {
    get: async (id) => {
      const data = await env.SESSIONS.get(`session:${id}`, "json");
      return data === null ? null : { data };
    },
    delete: (id) => env.SESSIONS.delete(`session:${id}`),
  };
}
