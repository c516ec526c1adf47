// The gateway's own protocol, which is the hosted endpoint's: see docs/gateway.md.

const ROOT = new URL("../", import.meta.url);
const APP = "fal-ai/ltx-video-13b-distilled";
const ENDPOINT = `${APP}/multiconditioning`;
const GIVE_UP_AFTER = 60; // attempts to follow a request, a second or more apart
const STREAMS = 3; // at a time: a browser opens six connections to a host, and other calls need some
const POLL_MS = 2000;

export class Problem extends Error {
  // What the gateway said instead of an answer. `lines` has {loc, msg} for each mistake.
  constructor(status, body) {
    const detail = body?.detail ?? body?.message ?? `the gateway answered ${status}`;
    const lines = Array.isArray(detail) ? detail : [{ loc: [], msg: String(detail) }];
    super(lines.map((line) => line.msg).join("; "));
    this.status = status;
    this.lines = lines;
  }
}

export class Queue {
  constructor(key) {
    this.key = key;
    this.streams = 0;
  }

  async submit(input) {
    return (await this.#json("POST", `queue/${ENDPOINT}`, input)).request_id;
  }

  async submitDrafts(input, drafts) {
    return (await this.#json("POST", `queue/${ENDPOINT}/drafts`, { ...input, drafts })).request_id;
  }

  refine(id, drafts) {
    return this.#json("POST", `${requestPath(id)}/refine`, { drafts });
  }

  // What a video would do and cost, and so many drafts.
  plan(input, drafts) {
    return this.#json("POST", `plan/${ENDPOINT}/drafts`, { ...input, drafts });
  }

  result(id) {
    return this.#json("GET", requestPath(id));
  }

  cancel(id) {
    return this.#json("PUT", `${requestPath(id)}/cancel`);
  }

  // The newest requests, of other browsers too.
  async list() {
    return (await this.#json("GET", "requests?limit=30")).requests;
  }

  // Tells `told` of every change until the request is completed, over lost connections.
  async follow(id, told) {
    for (let attempt = 1; ; attempt += 1) {
      const heard = (status) => { attempt = 1; told(status); };
      try {
        const streams = this.streams < STREAMS;
        if (await (streams ? this.#stream(id, heard) : this.#poll(id, heard))) return;
      } catch (error) {
        const final = error instanceof Problem && error.status < 500 && error.status !== 429;
        if (final || attempt >= GIVE_UP_AFTER) throw error;
      }
      await new Promise((go) => { setTimeout(go, Math.min(attempt, 5) * POLL_MS); });
    }
  }

  async upload(file) {
    const about = { content_type: file.type || "application/octet-stream", file_name: file.name };
    const path = "rest/storage/upload/initiate?storage_type=fal-cdn-v3";
    const there = await this.#json("POST", path, about);
    const answer = await fetch(here(there.upload_url), {
      method: "PUT", body: file, headers: { "content-type": about.content_type },
    });
    if (!answer.ok) throw await problem(answer);
    return there.file_url;
  }

  async #stream(id, told) {
    this.streams += 1;
    try {
      const answer = await this.#ask("GET", `${requestPath(id)}/status/stream?logs=1`);
      let completed = false;
      for await (const status of events(answer.body)) {
        told(status);
        completed = status.status === "COMPLETED";
      }
      return completed;
    } finally {
      this.streams -= 1;
    }
  }

  async #poll(id, told) {
    const status = await this.#json("GET", `${requestPath(id)}/status?logs=1`);
    told(status);
    return status.status === "COMPLETED";
  }

  async #json(method, path, body) {
    return (await this.#ask(method, path, body)).json();
  }

  async #ask(method, path, body) {
    const headers = {};
    const key = this.key();
    if (key) headers.authorization = `Key ${key}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetch(new URL(path, ROOT), {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw await problem(answer);
    return answer;
  }
}

function requestPath(id) {
  return `queue/${APP}/requests/${encodeURIComponent(id)}`;
}

async function problem(answer) {
  return new Problem(answer.status, await answer.json().catch(() => undefined));
}

// The gateway may know itself by another name than the one this page was opened under.
function here(address) {
  const there = new URL(address, ROOT);
  return new URL(there.pathname + there.search, ROOT);
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (left + value).split(/\r?\n\r?\n/);
    left = blocks.pop();
    for (const block of blocks) {
      const data = block.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (data.length) yield JSON.parse(data.map((line) => line.slice(5)).join("\n"));
    }
  }
}
