"use strict";
// Sorting and filtering; the page says everything without it.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    if (head.hasAttribute("data-fixed")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("num");
      const first = numeric ? "descending" : "ascending";
      const now = head.getAttribute("aria-sort");
      const order = now === null ? first : now === "ascending" ? "descending" : "ascending";
      const sign = order === "ascending" ? 1 : -1;
      const key = (row) => row.cells[place].dataset.value ?? row.cells[place].textContent.trim();
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b, undefined, { numeric: true })));
      body.append(...rows.map(([, row]) => row));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
    });
  });
}
for (const box of document.querySelectorAll("[data-filter]")) {
  const target = document.getElementById(box.dataset.filter);
  const items = [...(target.tBodies ? target.tBodies[0].rows : target.children)];
  const input = box.querySelector("input");
  const shown = box.querySelector("output");
  const texts = items.map((item) => (item.dataset.search ?? item.textContent).toLowerCase());
  box.hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    items.forEach((item, place) => {
      const fits = words.every((word) => texts[place].includes(word));
      item.hidden = !fits;
      left += fits;
    });
    shown.value = words.length ? `${left} of ${items.length}` : "";
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
