import { DurableObject } from "cloudflare:workers";
import type { Env, Session } from "./env";

export class SessionObject extends DurableObject<Env> {
  async getSession(id: string): Promise<Session | null> {
    return (await this.ctx.storage.get<Session>(id)) ?? null;
  }

  async putSession(id: string, session: Session): Promise<void> {
    await this.ctx.storage.put(id, session);
  }

  async deleteSession(id: string): Promise<void> {
    await this.ctx.storage.delete(id);
  }
}
