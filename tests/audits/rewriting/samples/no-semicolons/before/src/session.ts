import type { Env } from './env'

const PREFIX = 'session:'

export interface Session {
	user: string
	expiresAt: number
}

export async function getSession(env: Env, id: string): Promise<Session | null> {
	const kv = env.SESSIONS
	const found = await kv.get(PREFIX + id, 'json') as Session | null
	if (found === null || found.expiresAt < Date.now()) return null
	return found
}

export async function saveSession(env: Env, id: string, session: Session) {
	const { SESSIONS } = env
	await SESSIONS.put(PREFIX + id, JSON.stringify(session), { expiration: Math.floor(session.expiresAt / 1000) })
}

export const endSession = (env: Env, id: string) => env.SESSIONS.delete(PREFIX + id)
