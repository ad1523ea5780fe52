/**
 * @typedef {{ SESSIONS: KVNamespace }} Env
 */

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

    const session = JSON.parse((await env.SESSIONS.get(`session:${sid}`)) || 'null')
    if (!session) return new Response('Unauthorized', { status: 401 })

    session.seen = Date.now()
    ctx.waitUntil(env.SESSIONS.put(`session:${sid}`, JSON.stringify(session), { expirationTtl: TTL }))
    return new Response('Hello ' + session.user)
  },
}
