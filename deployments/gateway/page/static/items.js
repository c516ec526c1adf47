// Pictures and clips of the request, each with a slider on a common line of frames.

import { Settings } from "./settings.js";

const GRID = 8; // start frames are multiples of it
const CLIP_NEEDS = 9; // frames that a clip after the start has to fit into
const TICKS = 5;

export class Items {
  // `upload` takes a file and returns its address; `say` tells those who cannot see the page.
  constructor({ list, ruler, template, clip, upload, say }) {
    Object.assign(this, { list, ruler, template, clip, upload, say });
    this.items = new Set();
    this.frames = 121;
    this.rate = 30;
    this.#showRuler();
  }

  addFiles(files, start = 0) {
    for (const file of files) {
      const kind = kindOf(file);
      if (kind) this.#add({ kind, name: file.name, file, start });
      else this.say(`${file.name} is neither a picture nor a clip.`);
    }
  }

  addAddress({ kind, url, start = 0, strength = 1, rest = {} }) {
    return this.#add({ kind, name: nameIn(url), url, start, strength, rest });
  }

  clear() {
    for (const item of [...this.items]) this.#remove(item);
  }

  // The line is as long as the video.
  fit(frames, rate) {
    this.frames = frames;
    this.rate = rate;
    for (const item of this.items) this.#fit(item);
    this.#showRuler();
  }

  // The frame at a horizontal place of the window, for what is dropped there.
  frameAt(x) {
    const box = this.ruler.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (x - box.left) / box.width));
    return Math.round((share * (this.frames - 1)) / GRID) * GRID;
  }

  // The request's fields, once every file has its address.
  async fields() {
    const items = [...this.items];
    await Promise.all(items.map((item) => item.ready));
    const failed = items.find((item) => !item.url);
    if (failed) throw new Error(`${failed.name} was not uploaded; remove it or add it again.`);
    const of = (kind) => items.filter((item) => item.kind === kind).map((item) => ({
      ...item.more?.fields(),
      [`${kind}_url`]: item.url,
      start_frame_num: Number(item.slider.value),
      strength: Number(item.strength.value),
    }));
    return { images: of("image"), videos: of("video") };
  }

  // The input to mend for a mistake at images.0.strength and the like.
  inputAt([list, index, field]) {
    const kind = list === "images" ? "image" : "video";
    const item = [...this.items].filter((one) => one.kind === kind)[index];
    return field === "strength" ? item?.strength : item?.more?.inputAt([field]) ?? item?.slider;
  }

  #add({ kind, name, file, url, start, strength = 1, rest = {} }) {
    const row = this.template.content.cloneNode(true).firstElementChild;
    const item = { kind, name, url, row, slider: row.querySelector(".start input"),
      strength: row.querySelector(".strength input"), output: row.querySelector("output"),
      state: row.querySelector(".state") };
    row.querySelector(".name").textContent = name;
    row.querySelector(".look").append(look(kind, file ? URL.createObjectURL(file) : url));
    item.slider.setAttribute("aria-label", `Start frame of ${name}`);
    item.strength.setAttribute("aria-label", `Strength of ${name}`);
    item.strength.value = strength;
    if (kind === "video") this.#addMore(item, rest);
    item.slider.addEventListener("input", () => this.#show(item));
    const remove = row.querySelector(".remove");
    remove.setAttribute("aria-label", `Remove ${name}`);
    remove.addEventListener("click", () => this.#removed(item));
    this.items.add(item);
    this.list.append(row);
    this.#fit(item, start);
    item.ready = file ? this.#upload(item, file) : Promise.resolve();
    this.say(`${name} was added at frame ${item.slider.value}.`);
    return item;
  }

  // How a clip is cut and played.
  #addMore(item, rest) {
    const more = item.row.querySelector("details");
    more.hidden = false;
    item.more = new Settings(more.querySelector("div"), this.clip, () => {});
    item.more.fill(rest);
  }

  async #upload(item, file) {
    item.state.textContent = "uploading …";
    try {
      item.url = await this.upload(file);
      item.state.textContent = "";
    } catch (error) {
      item.state.textContent = `not uploaded: ${error.message}`;
      item.state.classList.add("wrong");
      this.say(`${item.name} was not uploaded: ${error.message}`);
    }
  }

  #fit(item, start = Number(item.slider.value)) {
    const needs = item.kind === "video" ? CLIP_NEEDS : 1;
    item.slider.max = Math.max(0, Math.floor((this.frames - needs) / GRID) * GRID);
    item.slider.value = start;
    this.#show(item);
  }

  #show(item) {
    item.output.value = item.slider.value;
    const seconds = (Number(item.slider.value) / this.rate).toFixed(1);
    item.slider.setAttribute("aria-valuetext", `frame ${item.slider.value}, ${seconds} seconds`);
  }

  #removed(item) {
    const next = item.row.nextElementSibling ?? item.row.previousElementSibling;
    this.#remove(item);
    (next?.querySelector(".remove") ?? document.getElementById("choose")).focus();
    this.say(`${item.name} was removed.`);
  }

  #remove(item) {
    const shown = item.row.querySelector("[src]");
    const { src } = shown;
    this.items.delete(item);
    item.row.remove();
    shown.removeAttribute("src");
    shown.load?.(); // a clip that is still being read reads no more
    if (src.startsWith("blob:")) URL.revokeObjectURL(src);
  }

  #showRuler() {
    const marks = Array.from({ length: TICKS }, (_, tick) => {
      const frame = Math.round(((this.frames - 1) * tick) / (TICKS - 1));
      const mark = document.createElement("span");
      mark.textContent = tick ? `${frame} · ${(frame / this.rate).toFixed(1)} s` : "frame 0";
      return mark;
    });
    this.ruler.replaceChildren(...marks);
  }
}

function nameIn(url) {
  if (url.startsWith("data:")) return "data URI";
  const last = url.split(/[?#]/)[0].split("/").pop();
  try {
    return decodeURIComponent(last) || url;
  } catch {
    return last;
  }
}

function kindOf(file) {
  const [kind] = file.type.split("/");
  return ["image", "video"].find((known) => known === kind);
}

function look(kind, address) {
  const seen = document.createElement(kind === "image" ? "img" : "video");
  if (kind === "image") seen.alt = "";
  else Object.assign(seen, { muted: true, preload: "metadata" });
  seen.src = address;
  return seen;
}
