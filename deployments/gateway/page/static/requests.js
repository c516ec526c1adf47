// The list of requests: where each is, and its video once it is there. It outlives the page.

const KEPT = "ltx-requests";
const MOST = 50;
const STEP = /(\w+): step (\d+) of (\d+)/;

export class Requests {
  constructor({ list, none, template, queue, say, again }) {
    Object.assign(this, { list, none, template, queue, say, again });
    this.known = load();
    this.seen = new IntersectionObserver((entries) => this.#inView(entries));
    for (const record of [...this.known].reverse()) this.#show(record);
    this.#count();
  }

  // Adds what the gateway knows of besides: requests of other browsers and programs.
  async addListed() {
    const there = new Set([...this.list.children].map((card) => card.dataset.id));
    for (const { request_id: id, prompt, status, created: at } of await this.queue.list()) {
      if (there.has(id)) continue;
      this.#show({ id, at, input: { prompt }, done: status === "COMPLETED", listed: true });
    }
    this.#count();
  }

  add(id, input) {
    const record = { id, input, at: new Date().toISOString() };
    this.known = [record, ...this.known].slice(0, MOST);
    this.#save();
    this.#show(record);
    this.#count();
  }

  #show(record) {
    const card = this.template.content.cloneNode(true).firstElementChild;
    const part = (name) => card.querySelector(`.${name}`);
    part("prompt").textContent = record.input.prompt;
    part("id").textContent = record.id;
    part("again").hidden = Boolean(record.listed);
    part("again").addEventListener("click", () => this.again(record.input));
    part("cancel").addEventListener("click", () => this.#cancel(record, card));
    part("forget").addEventListener("click", () => this.#forget(record, card));
    card.follow = () => this.#follow(record, card).catch((error) => this.#failed(record, card, error));
    this.#place(record, card);
    if (record.done) this.seen.observe(card);
    else card.follow();
  }

  // The newest first.
  #place(record, card) {
    Object.assign(card.dataset, { id: record.id, at: record.at });
    const older = [...this.list.children].find((other) => other.dataset.at <= record.at);
    this.list.insertBefore(card, older ?? null);
  }

  // What is over is asked about when it is looked at.
  #inView(entries) {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      this.seen.unobserve(target);
      target.follow();
    }
  }

  async #follow(record, card) {
    if (!record.done) {
      this.#state(card, "Sent …");
      card.querySelector(".cancel").hidden = false;
      await this.queue.follow(record.id, (status) => this.#told(card, status));
    }
    const result = await this.queue.result(record.id);
    this.#over(record, card);
    this.#video(card, result);
    this.#state(card, `Ready. Seed ${result.seed}.`);
    if (!record.done) this.say(`The video is ready: ${record.input.prompt}`);
    this.#done(record);
  }

  #done(record) {
    record.done = true;
    this.#save();
  }

  #told(card, status) {
    if (status.status === "IN_QUEUE") {
      const ahead = status.queue_position ?? 0;
      this.#state(card, ahead ? `In the queue, ${ahead} before it` : "In the queue, next");
    }
    for (const line of status.logs ?? []) this.#line(card, line);
    if (status.status === "IN_PROGRESS" && card.dataset.said !== "line") this.#state(card, "Begun …");
  }

  #line(card, { timestamp, message }) {
    const log = card.querySelector(".log");
    const known = (log.known ??= new Set());
    if (known.has(timestamp + message)) return;
    known.add(timestamp + message);
    log.hidden = false;
    const entry = document.createElement("li");
    entry.textContent = message;
    log.querySelector("ol").append(entry);
    const [, stage, done, total] = message.match(STEP) ?? [];
    const bar = card.querySelector("progress");
    bar.hidden = false;
    if (stage) Object.assign(bar, { value: Number(done), max: Number(total) });
    else bar.removeAttribute("value");
    card.dataset.said = "line";
    card.querySelector(".state").textContent = stage
      ? `${stage.replace("_", " ")}: step ${done} of ${total}` : message.replaceAll("_", " ");
  }

  #state(card, text) {
    card.querySelector(".state").textContent = text;
  }

  #video(card, { video }) {
    const player = document.createElement("video");
    Object.assign(player, { src: video.url, controls: true, loop: true, preload: "metadata" });
    player.setAttribute("aria-label", `Video of: ${card.querySelector(".prompt").textContent}`);
    card.querySelector(".result").replaceChildren(player);
    if (/^https?:/.test(player.src)) Object.assign(card.querySelector(".open"), { href: player.src, hidden: false });
  }

  #over(record, card) {
    card.querySelector(".cancel").hidden = true;
    card.querySelector("progress").hidden = true;
    card.querySelector(".forget").hidden = Boolean(record.listed);
  }

  #failed(record, card, error) {
    this.#over(record, card);
    card.classList.add("failed");
    const lines = error.lines ?? [{ loc: [], msg: error.message }];
    this.#state(card, lines.map(shown).join("; "));
    if (!record.done) this.say(`It failed: ${record.input.prompt}`);
    if (error.status) this.#done(record);
  }

  async #cancel(record, card) {
    card.querySelector(".cancel").disabled = true;
    try {
      await this.queue.cancel(record.id);
      this.#state(card, "Cancelling …");
    } catch (error) {
      this.#state(card, error.message);
    }
  }

  #forget(record, card) {
    this.known = this.known.filter((one) => one !== record);
    this.#save();
    const next = card.nextElementSibling ?? card.previousElementSibling;
    card.remove();
    this.#count();
    (next?.querySelector(".forget") ?? document.getElementById("prompt")).focus();
  }

  #count() {
    this.none.hidden = this.list.children.length > 0;
  }

  #save() {
    try {
      localStorage.setItem(KEPT, JSON.stringify(this.known));
    } catch {
      // Full, or not allowed: the list ends with the page.
    }
  }
}

export function shown({ loc, msg }) {
  const field = (loc ?? []).filter((part) => part !== "body").join(".");
  return field ? `${field}: ${msg}` : msg;
}

function load() {
  try {
    const known = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return known.filter((record) => typeof record?.id === "string" && record.input?.prompt);
  } catch {
    return [];
  }
}
