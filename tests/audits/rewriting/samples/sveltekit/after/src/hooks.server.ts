import type { Handle } from '@sveltejs/kit';
import { sessionStore } from './session-store';

export const handle: Handle = async ({ event, resolve }) => {
	const sid = event.cookies.get('sid');
	const env = event.platform!.env;

	if (sid) {
		const stored = await sessionStore(env).get(`${sid}`);
		event.locals.session = stored ? stored.data : null;
	}

	return resolve(event);
};
