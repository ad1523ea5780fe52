import type { APIRoute } from 'astro';
import { sessionStore } from '../../session-store';

export const GET: APIRoute = async ({ locals, cookies }) => {
  const { env } = locals.runtime;
  const token = cookies.get('token')?.value;
  if (!token) return new Response(null, { status: 401 });
  const session = (await sessionStore(env).get(`${token}`))?.data ?? null;
  return new Response(JSON.stringify(session), { status: session ? 200 : 401 });
};
