// One small question before an act: resolves to the answers, or to null when left.
export function askWhy({ title, fields }) {
  const box = document.getElementById("ask-why");
  const body = box.querySelector("[data-ask-body]");
  const wrong = box.querySelector("[data-ask-wrong]");
  box.querySelector("#ask-why-title").textContent = title;
  body.replaceChildren(...fields.map(field));
  wrong.hidden = true;
  const back = document.activeElement;
  return new Promise((resolve) => {
    const form = box.querySelector("form");
    const submit = (event) => {
      if (event.submitter?.value !== "do") return;
      const empty = fields.find((one) => !one.optional && !value(form, one.name));
      if (!empty) return;
      event.preventDefault();
      wrong.textContent = `“${empty.label}” is still empty.`;
      wrong.hidden = false;
      form.elements[empty.name].focus?.();
    };
    const key = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        if (!event.repeat) form.requestSubmit(form.querySelector("[data-ask-do]"));
      }
    };
    form.addEventListener("submit", submit);
    form.addEventListener("keydown", key);
    box.addEventListener("close", () => {
      form.removeEventListener("submit", submit);
      form.removeEventListener("keydown", key);
      const answers = box.returnValue === "do" ? Object.fromEntries(fields.map((one) => [one.name, value(form, one.name)])) : null;
      back?.focus?.();
      resolve(answers);
    }, { once: true });
    box.returnValue = "";
    box.showModal();
    form.querySelector("input:checked, input:not([type=radio]), textarea")?.focus();
  });
}

function value(form, name) {
  return (form.elements[name]?.value || "").trim();
}

function field({ name, label, choices, chosen, long }) {
  const holder = document.createElement(choices ? "fieldset" : "p");
  holder.className = "field";
  const said = document.createElement(choices ? "legend" : "label");
  said.textContent = label;
  holder.append(said);
  if (choices) {
    const row = document.createElement("div");
    row.className = "acts";
    choices.forEach((choice, index) => {
      const [kept, shown] = Array.isArray(choice) ? choice : [choice, choice];
      const one = document.createElement("label");
      const radio = Object.assign(document.createElement("input"), { type: "radio", name, value: kept, checked: chosen ? kept === chosen : index === 0 });
      one.append(radio, ` ${shown}`);
      row.append(one);
    });
    holder.append(row);
    return holder;
  }
  const input = document.createElement(long ? "textarea" : "input");
  Object.assign(input, { name, id: `ask-${name}`, maxLength: 2000 });
  said.htmlFor = input.id;
  holder.append(input);
  return holder;
}
