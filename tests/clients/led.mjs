// Loaded before a program of somebody else's: leads its client to the gateway in LTX_GATEWAY, as docs/gateway.md
// says, and leaves everything else as it is.

import { fal } from "@fal-ai/client";

const DOORS = { "queue.fal.run": "/queue", "fal.run": "/run", "rest.fal.ai": "/rest", "v3.fal.media": "/media" };

fal.config({
  requestMiddleware: async (request) => {
    const at = new URL(request.url);
    return { ...request, url: process.env.LTX_GATEWAY + DOORS[at.host] + at.pathname + at.search };
  },
});
