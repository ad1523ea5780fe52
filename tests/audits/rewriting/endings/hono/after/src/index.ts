import { Hono } from 'hono'
import { getCookie } from 'hono/cookie'
import type { Env, Session } from './env'

const app = new Hono<{ Bindings: Env; Variables: { session: Session } }>()

app.use('*', async (c, next) => {
  const sid = getCookie(c, 'sid')
  if (!sid) return c.json({ error: 'unauthorized' }, 401)

  const stub = c.env.SESSION_OBJECT.get(c.env.SESSION_OBJECT.idFromName(sid))
  let session = await stub.getSession(sid)
  if (!session) return c.json({ error: 'unauthorized' }, 401)

  c.set('session', session)
  await next()
})

app.post('/logout', async (c) => {
  const sid = getCookie(c, 'sid')
  if (sid) {
    await c.env.SESSION_OBJECT.get(c.env.SESSION_OBJECT.idFromName(sid)).deleteSession(sid)
  }
  return c.json({ ok: true })
})

export default app
