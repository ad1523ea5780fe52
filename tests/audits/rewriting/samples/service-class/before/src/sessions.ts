import type { Env } from "./index";

export type Session = { userId: string; csrf: string };

export class SessionService {
  private readonly prefix = "session:";

  constructor(
    private readonly env: Env,
    private readonly ttl = 3600,
  ) {}

  private key(id: string): string {
    return `${this.prefix}${id}`;
  }

  async create(userId: string): Promise<string> {
    const id = crypto.randomUUID();
    const session: Session = { userId, csrf: crypto.randomUUID() };
    await this.env.SESSIONS.put(this.key(id), JSON.stringify(session), { expirationTtl: this.ttl });
    return id;
  }

  async find(id: string): Promise<Session | null> {
    const text = await this.env.SESSIONS.get(this.key(id), "text");
    return text === null ? null : JSON.parse(text);
  }

  async remove(id: string): Promise<void> {
    await this.env.SESSIONS.delete(this.key(id));
  }
}
