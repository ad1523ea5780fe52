import type { Env } from "./index";
import { sessionStore } from "./session-store";

export type Session = { userId: string; csrf: string };

export class SessionService {
  constructor(
    private readonly env: Env,
    private readonly ttl = 3600,
  ) {}

  async create(userId: string): Promise<string> {
    const id = crypto.randomUUID();
    const session: Session = { userId, csrf: crypto.randomUUID() };
    await sessionStore(this.env).create(id, session, { expirationTtl: this.ttl });
    return id;
  }

  async find(id: string): Promise<Session | null> {
    const text = await sessionStore(this.env).get(id);
    return text === null ? null : text.data;
  }

  async remove(id: string): Promise<void> {
    await sessionStore(this.env).delete(id);
  }
}
