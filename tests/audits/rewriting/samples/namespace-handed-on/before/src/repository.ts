export class SessionRepository {
  constructor(private kv: KVNamespace) {}

  get(id: string) {
    return this.kv.get<{ user: string }>(`session:${id}`, "json");
  }
}

export async function removeSession(kv: KVNamespace, id: string) {
  await kv.delete(`session:${id}`);
}
