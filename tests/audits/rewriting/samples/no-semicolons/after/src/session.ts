import type { Env } from './env'
import { sessionStore } from './session-store'

export interface Session {
	user: string
	expiresAt: number
}

export async function getSession(env: Env, id: string): Promise<Session | null> {
	const found = await sessionStore(env).get(id).then((session) => session?.data ?? null) as Session | null
	if (found === null || found.expiresAt < Date.now()) return null
	return found
}

export async function saveSession(env: Env, id: string, session: Session) {
	await sessionStore(env).put(id, session, { expiration: Math.floor(session.expiresAt / 1000) })
}

export const endSession = (env: Env, id: string) => sessionStore(env).delete(id)
