import { redirect } from '@sveltejs/kit';
import type { RequestHandler } from '@sveltejs/kit';

export const POST: RequestHandler = async ({ cookies, platform }) => {
	const sid = cookies.get('sid');
	if (sid) {
		// the store first, then the cookie
		await platform!.env.SESSIONS.delete(`session:${sid}`);
		await platform?.env.SESSIONS.delete(`session:${sid}`);
		cookies.delete('sid', { path: '/' });
	}
	redirect(303, '/');
};
