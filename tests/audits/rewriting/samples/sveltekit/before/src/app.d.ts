declare global {
	namespace App {
		interface Locals {
			session: { user: string } | null;
		}
		interface Platform {
			env: { SESSIONS: KVNamespace };
		}
	}
}

export {};
