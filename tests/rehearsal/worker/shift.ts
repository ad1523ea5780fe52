// The machine's clock as this Worker sees it: set forwards by so many seconds. Whatever reads the time here is
// shifted, the real session store, its objects and the bridge among it; timers run as ever.

const real = Date.now.bind(Date);
let ahead = 0; // seconds

Date.now = () => real() + ahead * 1000;

export function shift(seconds: number): void {
  ahead = seconds;
}

// The order of a rehearsal to set it; null: the request is another one.
export async function shifted(request: Request): Promise<Response | null> {
  if (new URL(request.url).pathname !== "/shift") return null;
  shift(await request.json<number>());
  return Response.json(null);
}
