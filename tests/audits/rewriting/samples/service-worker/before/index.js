addEventListener("fetch", (event) => {
  event.respondWith(handle(event.request));
});

async function handle(request) {
  const sid = request.headers.get("X-Session");
  const session = await SESSIONS.get(`session:${sid}`, "json");
  return new Response(session ? session.user : "nobody");
}
