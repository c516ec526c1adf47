// Inputs for the request's simple fields, made of its JSON schema.

const ELSEWHERE = [
  "prompt", "images", "videos", "loras", // of the request
  "video_url", "start_frame_num", "strength", "conditioning_type", "preprocess", // of a clip
];
let made = 0;
const WIDE = ["negative_prompt"];

export class Settings {
  constructor(fields, schema, changed) {
    this.inputs = new Map();
    for (const [name, field] of Object.entries(schema.properties)) {
      if (ELSEWHERE.includes(name) || /not supported/.test(field.description)) continue;
      fields.append(this.#place(name, { ...field, ...simple(field) }));
    }
    fields.addEventListener("input", changed);
  }

  number(name) {
    return Number(this.inputs.get(name).input.value) || this.inputs.get(name).field.default;
  }

  // What differs from the default, so that a request says no more than was chosen.
  fields() {
    const chosen = {};
    for (const [name, { input, field }] of this.inputs) {
      const value = read(input, field);
      if (value !== undefined && value !== (field.default ?? undefined)) chosen[name] = value;
    }
    return chosen;
  }

  fill(request) {
    for (const [name, { input, field }] of this.inputs) {
      const value = request[name] ?? field.default;
      if (field.type === "boolean") input.checked = value;
      else input.value = value ?? "";
    }
  }

  inputAt([name]) {
    return this.inputs.get(name)?.input;
  }

  #place(name, field) {
    const place = document.createElement("div");
    const label = document.createElement("label");
    const help = document.createElement("small");
    const input = control(field, WIDE.includes(name));
    made += 1;
    place.className = `field ${WIDE.includes(name) ? "wide" : ""} ${field.type === "boolean" ? "tick" : ""}`;
    input.id = label.htmlFor = `field-${made}`;
    help.id = `help-${made}`;
    input.setAttribute("aria-describedby", help.id);
    label.textContent = field.title ?? name;
    help.textContent = field.description;
    place.append(...(field.type === "boolean" ? [input, label] : [label, input]), help);
    this.inputs.set(name, { input, field });
    return place;
  }
}

// A field that may be left out is one of its own kind that may be empty.
function simple(field) {
  return field.anyOf?.find((kind) => kind.type !== "null") && {
    ...field.anyOf.find((kind) => kind.type !== "null"), title: field.title,
  };
}

function control(field, wide) {
  if (field.enum) {
    const select = document.createElement("select");
    select.append(...field.enum.map((value) => new Option(value, value, value === field.default)));
    return select;
  }
  const input = document.createElement(wide ? "textarea" : "input");
  if (field.type === "boolean") Object.assign(input, { type: "checkbox", checked: field.default });
  else input.value = field.default ?? "";
  if (["integer", "number"].includes(field.type)) {
    Object.assign(input, { type: "number", step: field.type === "integer" ? 1 : 0.05 });
    if (field.minimum !== undefined) input.min = field.minimum;
    if (field.maximum !== undefined) input.max = field.maximum;
    if (field.default === null) input.placeholder = "drawn for each";
  }
  return input;
}

function read(input, field) {
  if (field.type === "boolean") return input.checked;
  if (input.value === "") return undefined;
  return ["integer", "number"].includes(field.type) ? Number(input.value) : input.value;
}
