export function sessionKey(id: string): string {
  return "session:" + id;
}
