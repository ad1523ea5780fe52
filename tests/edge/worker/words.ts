// What each method of the application's own class does.

export const METHODS = {
  getSession: "read",
  setSession: "write",
  refreshSession: "write",
  deleteSession: "delete",
  promoteSession: "write",
  signOut: "delete",
  deleteSessionsOf: "many",
  getSetting: "other",
  setSetting: "other",
} as const;
