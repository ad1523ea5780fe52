import { Hono } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Env, Session } from './env'

const app = new Hono<{ Bindings: Env; Variables: { session: Session } }>()

app.use('*', async (c, next) => {
  const sid = getCookie(c, 'sid')
  if (!sid) return c.json({ error: 'unauthorized' }, 401)
  if (!c.env.SESSIONS) return c.json({ error: 'kv_not_configured' }, 500)

  const stub = c.env.SESSION_OBJECT.get(c.env.SESSION_OBJECT.idFromName(sid))
  let session = await stub.getSession(sid)
  if (!session) {
    session = await c.env.SESSIONS.get<Session>(`session:${sid}`, 'json')
    if (session) c.executionCtx.waitUntil(stub.putSession(sid, session))
  }
  if (!session) return c.json({ error: 'unauthorized' }, 401)

  c.set('session', session)
  await next()
})

app.post('/logout', async (c) => {
  const sid = getCookie(c, 'sid')
  if (sid) {
    await c.env.SESSION_OBJECT.get(c.env.SESSION_OBJECT.idFromName(sid)).deleteSession(sid)
    await c.env.SESSIONS.delete(`session:${sid}`)
  }
  return c.json({ ok: true })
})

export default app
