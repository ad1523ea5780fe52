import type { Handle } from '@sveltejs/kit';

export const handle: Handle = async ({ event, resolve }) => {
	const sid = event.cookies.get('sid');
	const env = event.platform!.env;

	if (sid) {
		const stored = await env.SESSIONS.get(`session:${sid}`);
		event.locals.session = stored ? JSON.parse(stored) : null;
	}

	return resolve(event);
};
