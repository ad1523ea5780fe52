// Writes, deletes and reads KV through a Worker's binding, as an application does: what the tests
// seed with. `?binding=` names the namespace; values travel in base64, so that they may be binary.

const together = 50;

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const namespace = env[url.searchParams.get("binding")];
    // Always read it: an unread body costs the connection, and the next request on it fails.
    const body = request.method === "POST" ? await request.json() : null;
    switch (`${request.method} ${url.pathname}`) {
      case "GET /":
        return new Response("ready");
      case "POST /seed":
        return answer(each(body, (item) => put(namespace, item)));
      case "POST /delete":
        return answer(each(body, (key) => namespace.delete(key)));
      case "POST /clear":
        return answer(clear(namespace));
      case "POST /read":
        return answer(read(namespace, body));
      default:
        return new Response("no such route", { status: 404 });
    }
  },
};

async function answer(work) {
  try {
    return Response.json(await work);
  } catch (error) {
    return new Response(String(error), { status: 500 });
  }
}

async function each(items, act) {
  for (let start = 0; start < items.length; start += together) {
    await Promise.all(items.slice(start, start + together).map(act));
  }
  return items.length;
}

function put(namespace, { key, base64, ...options }) {
  return namespace.put(key, Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)), options);
}

async function clear(namespace) {
  let removed = 0;
  for (let cursor; ; ) {
    const page = await namespace.list({ cursor });
    removed += await each(page.keys, ({ name }) => namespace.delete(name));
    if (page.list_complete) return removed;
    cursor = page.cursor;
  }
}

async function read(namespace, key) {
  const { value, metadata } = await namespace.getWithMetadata(key, "arrayBuffer");
  if (value === null) return null;
  let text = "";
  for (const byte of new Uint8Array(value)) text += String.fromCharCode(byte);
  return { base64: btoa(text), metadata };
}
