export interface Env {
	SESSIONS: KVNamespace
	CACHE: KVNamespace
}
