// One call of the hosted endpoint's JavaScript client, led to a gateway the way the docs say.
// node call.mjs '{"gateway": "http://127.0.0.1:8080", "way": "requestMiddleware", "call": "subscribe", …}'
// Prints one line of JSON: what the client gave back, or the error as a program sees it.

import { readFileSync } from "node:fs";

import { createFalClient } from "@fal-ai/client";

const DOORS = { "queue.fal.run": "/queue", "fal.run": "/run", "rest.fal.ai": "/rest", "v3.fal.media": "/media" };
const asked = JSON.parse(process.argv[2]);
const ID = asked.endpoint ?? "fal-ai/ltx-video-13b-distilled/multiconditioning";

const here = (url) => {
  const at = new URL(url);
  const door = DOORS[at.host];
  return door ? asked.gateway + door + at.pathname + at.search : url;
};
const WAYS = {
  requestMiddleware: { requestMiddleware: async (request) => ({ ...request, url: here(request.url) }) },
  fetch: { fetch: (url, options) => fetch(here(String(url)), options) },
  proxyUrl: { proxyUrl: { url: asked.gateway, when: "always" } },
};
const fal = createFalClient({ credentials: asked.key ?? "id:secret", ...WAYS[asked.way ?? "requestMiddleware"] });

// A file of the given size, or one of this machine; a Blob of it stands where the input has "BLOB".
const file = () => {
  const { path, size, name, type } = asked.file;
  const bytes = path ? readFileSync(path) : Buffer.alloc(size, "LTX flows ");
  return new File([bytes], name, { type });
};
const input = () =>
  asked.file === undefined
    ? asked.input
    : { ...asked.input, images: asked.input.images.map((one) => ({ ...one, image_url: one.image_url === "BLOB" ? file() : one.image_url })) };

const updates = [];
const CALLS = {
  subscribe: () =>
    fal.subscribe(ID, {
      input: input(),
      logs: true,
      mode: asked.mode ?? "polling",
      onQueueUpdate: (update) => {
        // As the endpoint's own page prints it.
        const logs = update.status === "IN_PROGRESS" ? update.logs.map((log) => log.message) : [];
        updates.push({ status: update.status, position: update.queue_position, logs });
      },
    }),
  run: () => fal.run(ID, { input: asked.input }),
  submit: () => fal.queue.submit(ID, { input: input(), ...asked.options }),
  upload: () => fal.storage.upload(file(), asked.options),
  status: () => fal.queue.status(ID, { requestId: asked.id, logs: true }),
  stream: () =>
    fal.queue
      .streamStatus(ID, { requestId: asked.id, logs: true, connectionMode: asked.connectionMode })
      .then((events) => events.done()),
  result: () => fal.queue.result(ID, { requestId: asked.id }),
  cancel: () => fal.queue.cancel(ID, { requestId: asked.id }).then(() => "cancelled"),
};

try {
  const value = await CALLS[asked.call]();
  console.log(JSON.stringify({ value, updates }));
} catch (error) {
  const { name, message, status, body, requestId, timeoutType } = error;
  console.log(JSON.stringify({ error: { name, message, status, body, requestId, timeoutType }, updates }));
}
