// The list of requests: where each is, and its videos once they are there. It outlives the page.

import { offer, player, withdraw } from "./drafts.js";

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

  // `drafts` is how many there will be to choose from; undefined for a video.
  add(id, input, drafts) {
    const record = { id, input, drafts, at: new Date().toISOString() };
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
    part("again").addEventListener("click", () => this.again(record.input, record.drafts));
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
      await this.queue.follow(record.id, (status) => this.#told(record, card, status));
    }
    const made = await this.queue.result(record.id);
    const results = made.results ?? [made];
    this.#over(record, card);
    this.#videos(card, results);
    const refused = made.refused?.map(({ draft }) => ` Draft ${draft} was refused.`).join("") ?? "";
    this.#state(card, `Ready. Seed ${results.map(({ seed }) => seed).join(", ")}.${refused}`);
    if (!record.done) this.say(`The video is ready: ${record.input.prompt}`);
    this.#done(record);
  }

  #done(record) {
    record.done = true;
    this.#save();
  }

  #told(record, card, status) {
    if (status.status === "IN_QUEUE") {
      const ahead = status.queue_position ?? 0;
      this.#state(card, ahead ? `In the queue, ${ahead} before it` : "In the queue, next");
    }
    for (const line of status.logs ?? []) this.#line(card, line);
    if (status.status === "IN_PROGRESS" && card.dataset.said !== "line") this.#state(card, "Begun …");
    if (status.choice) this.#offer(record, card, status.choice);
    else withdraw(card.querySelector(".result"));
  }

  #offer(record, card, choice) {
    const { prompt } = record.input;
    const text = "The drafts are ready: choose the ones to refine.";
    if (card.dataset.chosen) return; // what was seen before the choice may come late
    card.querySelector("progress").hidden = true;
    this.#state(card, text);
    if (card.querySelector(".choice")) return;
    this.say(`${text} ${prompt}`);
    offer(card.querySelector(".result"), choice, {
      prompt,
      refine: async (drafts) => {
        await this.queue.refine(record.id, drafts);
        card.dataset.chosen = "yes";
        this.#state(card, `Chosen: ${drafts.join(", ")} …`);
        card.querySelector(".cancel").focus();
        withdraw(card.querySelector(".result"));
      },
    });
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

  #videos(card, results) {
    const prompt = card.querySelector(".prompt").textContent;
    const players = results.map(({ draft, video }) => player(
      video.url, draft ? `Video of draft ${draft} of: ${prompt}` : `Video of: ${prompt}`,
    ));
    card.querySelector(".result").replaceChildren(...players);
    const [{ src }, ...more] = players;
    if (/^https?:/.test(src) && !more.length) Object.assign(card.querySelector(".one"), { href: src, hidden: false });
  }

  #over(record, card) {
    card.querySelector(".cancel").hidden = true;
    card.querySelector("progress").hidden = true;
    card.querySelector(".forget").hidden = Boolean(record.listed);
  }

  #failed(record, card, error) {
    this.#over(record, card);
    withdraw(card.querySelector(".result"));
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
