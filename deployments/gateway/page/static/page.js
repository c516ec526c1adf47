import { shown as planned } from "./cost.js";
import { Items } from "./items.js";
import { Loras } from "./loras.js";
import { Queue } from "./queue.js";
import { Requests, shown } from "./requests.js";
import { Settings } from "./settings.js";

const KEY = "ltx-key";
const at = (id) => document.getElementById(id);
const say = (text) => { at("said").textContent = text; };

const key = at("key");
key.value = localStorage.getItem(KEY) ?? "";
at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  key.blur();
});

const queue = new Queue(() => key.value.trim());
const schema = await (await fetch(new URL("schema.json", import.meta.url))).json();
const items = new Items({
  list: at("items"), ruler: at("ruler"), template: at("item"), say,
  clip: schema.$defs.VideoConditioning, upload: (file) => queue.upload(file),
});
const settings = new Settings(at("fields"), schema, fit);
const loras = new Loras({
  list: at("loras"), add: at("add-lora"), schema: schema.$defs.LoRAWeight, say,
});
const requests = new Requests({
  list: at("requests"), none: at("none"), template: at("request"), queue, say, again: fill,
});
key.addEventListener("change", () => {
  localStorage.setItem(KEY, key.value.trim());
  showListed();
});
fit();
showListed();

function showListed() {
  requests.addListed().catch((error) => mistakes(error.lines ?? [{ loc: [], msg: error.message }]));
}

function fit() {
  items.fit(settings.number("number_of_frames"), settings.number("frame_rate"));
}

function fill(request, drafts) {
  at("prompt").value = request.prompt;
  if (drafts) at("drafts").value = drafts;
  settings.fill(request);
  loras.fill(request.loras);
  fit();
  items.clear();
  for (const kind of ["image", "video"]) {
    for (const { [`${kind}_url`]: url, start_frame_num: start, strength, ...rest } of request[`${kind}s`] ?? []) {
      items.addAddress({ kind, url, start, strength, rest });
    }
  }
  at("prompt").focus();
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter ?? at("form").querySelector(".main");
  send(button, async (input) => {
    const drafts = button === at("make-drafts") ? at("drafts").valueAsNumber : undefined;
    const id = await (drafts === undefined ? queue.submit(input) : queue.submitDrafts(input, drafts));
    requests.add(id, input, drafts);
    say("The request was sent.");
  });
});

at("plan").addEventListener("click", () => send(at("plan"), async (input) => {
  const lines = planned(await queue.plan(input, at("drafts").valueAsNumber));
  at("planned").replaceChildren(...lines.map((line) => {
    const entry = document.createElement("p");
    entry.textContent = line;
    return entry;
  }));
}));

at("drafts").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  at("form").requestSubmit(at("make-drafts"));
});

async function send(button, use) {
  mistakes([]);
  at("planned").replaceChildren();
  button.disabled = true;
  try {
    const media = await items.fields();
    await use({ prompt: at("prompt").value, ...media, ...settings.fields(), ...loras.fields() });
  } catch (error) {
    mistakes(error.lines ?? [{ loc: [], msg: error.message }]);
  } finally {
    button.disabled = false;
    if (document.activeElement === document.body) button.focus();
  }
}

at("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
});

function mistakes(lines) {
  for (const marked of document.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
  const list = document.createElement("ul");
  let first;
  for (const line of lines) {
    const entry = document.createElement("li");
    const input = inputAt((line.loc ?? []).filter((part) => part !== "body"));
    const label = input?.ariaLabel ?? input?.labels[0]?.textContent.trim();
    entry.textContent = label ? `${label}: ${line.msg}` : shown(line);
    list.append(entry);
    input?.setAttribute("aria-invalid", "true");
    first ??= input;
  }
  at("mistakes").replaceChildren(...(lines.length ? [list] : []));
  for (let box = first?.closest("details"); box; box = box.parentElement.closest("details")) {
    box.open = true;
  }
  first?.focus();
}

function inputAt(loc) {
  if (["prompt", "drafts"].includes(loc[0])) return at(loc[0]);
  if (loc[0] === "loras") return loras.inputAt(loc);
  return ["images", "videos"].includes(loc[0]) ? items.inputAt(loc) : settings.inputAt(loc);
}

at("choose").addEventListener("click", () => at("files").click());
at("files").addEventListener("change", () => {
  items.addFiles(at("files").files);
  at("files").value = "";
});
at("add-address").addEventListener("click", () => {
  const address = at("address");
  if (!address.value.trim()) return;
  items.addAddress({ kind: at("address-kind").value, url: address.value.trim() });
  address.value = "";
});
at("address").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  at("add-address").click();
});

// Files may be dropped anywhere; over the line of frames the place says where they act.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const onLine = at("timeline").contains(event.target);
  items.addFiles(event.dataTransfer.files, onLine ? items.frameAt(event.clientX) : 0);
});
document.addEventListener("paste", (event) => items.addFiles(event.clipboardData.files));
