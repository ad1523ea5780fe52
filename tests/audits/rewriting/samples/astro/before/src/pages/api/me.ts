import type { APIRoute } from 'astro';

export const GET: APIRoute = async ({ locals, cookies }) => {
  const { env } = locals.runtime;
  const token = cookies.get('token')?.value;
  if (!token) return new Response(null, { status: 401 });
  const session = await env.SESSIONS.get(`session:${token}`, { type: 'json' });
  return new Response(JSON.stringify(session), { status: session ? 200 : 401 });
};
