// LoRAs of the request, each with the fields of its JSON schema.

import { Settings } from "./settings.js";

export class Loras {
  constructor({ list, add, schema, say }) {
    Object.assign(this, { list, schema, say });
    this.rows = [];
    add.addEventListener("click", () => this.add().querySelector("input").focus());
  }

  add(lora = {}) {
    const row = document.createElement("li");
    const fields = document.createElement("div");
    const remove = document.createElement("button");
    row.className = "lora";
    fields.className = "fields";
    const entry = { row, settings: new Settings(fields, this.schema, () => {}) };
    entry.settings.fill(lora);
    Object.assign(remove, { type: "button", textContent: "Remove this LoRA" });
    remove.addEventListener("click", () => {
      this.rows = this.rows.filter((one) => one !== entry);
      row.remove();
      this.say("The LoRA was removed.");
    });
    row.append(fields, remove);
    this.list.append(row);
    this.rows.push(entry);
    return row;
  }

  fields() {
    return this.rows.length ? { loras: this.rows.map((entry) => entry.settings.fields()) } : {};
  }

  fill(loras) {
    this.rows = [];
    this.list.replaceChildren();
    for (const lora of loras ?? []) this.add(lora);
  }

  inputAt([, index, field]) {
    return this.rows[index]?.settings.inputAt([field]);
  }
}
