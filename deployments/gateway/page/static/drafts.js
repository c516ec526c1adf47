// Drafts that wait for a choice: a look at each, and a box to choose it by.

// Shows them in `place`, once; `refine` is called with the numbers that are chosen.
export function offer(place, { drafts, sheet_url: sheet }, { prompt, refine }) {
  if (place.querySelector(".choice")) return;
  const form = document.createElement("form");
  const fields = document.createElement("fieldset");
  const legend = document.createElement("legend");
  const list = document.createElement("ol");
  const wrong = document.createElement("p");
  const row = document.createElement("div");
  const button = document.createElement("button");
  form.className = "choice";
  legend.textContent = "Drafts to refine";
  list.append(...drafts.map((draft) => look(draft, prompt)));
  Object.assign(wrong, { className: "wrong", role: "alert" });
  Object.assign(button, { type: "submit", className: "main", textContent: "Refine" });
  row.className = "row";
  row.append(button, ...(sheet ? [link(sheet)] : []));
  fields.append(legend, list, wrong, row);
  form.append(fields);
  form.addEventListener("change", () => { wrong.textContent = ""; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const numbers = [...form.querySelectorAll("input:checked")].map((box) => Number(box.value));
    wrong.textContent = numbers.length ? "" : "Choose at least one draft.";
    if (!numbers.length) return;
    button.disabled = true;
    try {
      await refine(numbers);
    } catch (error) {
      wrong.textContent = error.message;
      button.disabled = false;
      button.focus();
    }
  });
  place.replaceChildren(form);
}

// Takes them away again: the choice was made, here or elsewhere.
export function withdraw(place) {
  place.querySelector(".choice")?.remove();
}

function look({ draft, seed, preview_url: url }, prompt) {
  const entry = document.createElement("li");
  const label = document.createElement("label");
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", value: draft, disabled: !url });
  label.append(box, ` Draft ${draft}, seed ${seed}${url ? "" : ": refused by the safety check"}`);
  if (url) entry.append(player(url, `Draft ${draft} of: ${prompt}`));
  entry.append(label);
  return entry;
}

export function player(url, label) {
  const video = document.createElement("video");
  Object.assign(video, { src: url, controls: true, loop: true, preload: "metadata" });
  video.setAttribute("aria-label", label);
  return video;
}

function link(url) {
  const all = document.createElement("a");
  Object.assign(all, {
    href: url, className: "open", target: "_blank", rel: "noreferrer", textContent: "All in one picture",
  });
  return all;
}
