import type { Env } from './env'
import { endSession, getSession, saveSession } from './session'

export default {
	async fetch(request, env) {
		const id = new URL(request.url).searchParams.get('sid') ?? ''
		await env.CACHE.put(`hit:${id}`, '1', { expirationTtl: 60 })
		const session = await getSession(env, id)
		if (session) await saveSession(env, id, { ...session, expiresAt: Date.now() + 3600_000 })
		else await endSession(env, id)
		return new Response(session?.user ?? 'nobody')
	},
} satisfies ExportedHandler<Env>
