/**
 * @typedef {{ SESSIONS: KVNamespace }} Env
 */

import { sessionStore } from './session-store'

const TTL = 86400

function readCookie(request, name) {
  const found = (request.headers.get('Cookie') || '').split('; ').find((part) => part.startsWith(name + '='))
  return found && found.slice(name.length + 1)
}

export default {
  /** @param {Request} request @param {Env} env */
  async fetch(request, env, ctx) {
    const sid = readCookie(request, 'sid')
    if (!sid) return new Response('Unauthorized', { status: 401 })

    const session = (await sessionStore(env).get(sid))?.data ?? null
    if (!session) return new Response('Unauthorized', { status: 401 })

    session.seen = Date.now()
    ctx.waitUntil(sessionStore(env).put(sid, session, { expirationTtl: TTL }))
    return new Response('Hello ' + session.user)
  },
}
