// Sorts and filters the tables that are on the page already. Nothing here is
// needed to read them, and there are no other figures to be had.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = table.tHead.rows[0].cells;
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const at = head.cellIndex;
      const rows = Array.from(body.rows);
      rows.sort((a, b) => {
        const x = a.cells[at], y = b.cells[at];
        const c = x.dataset.n !== undefined ? x.dataset.n - y.dataset.n : x.textContent.localeCompare(y.textContent);
        return down ? -c : c;
      });
      for (const h of heads) h.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows);
    });
  }
  if (body.rows.length < 12) continue;
  const tools = document.createElement("p");
  tools.className = "tools";
  const label = document.createElement("label");
  const input = document.createElement("input");
  const found = document.createElement("span");
  found.setAttribute("role", "status");
  input.type = "search";
  label.append("Show only rows with ", input);
  tools.append(label, " ", found);
  table.parentElement.before(tools);
  input.addEventListener("input", () => {
    const want = input.value.toLowerCase();
    let n = 0;
    for (const row of body.rows) {
      row.hidden = !row.textContent.toLowerCase().includes(want);
      if (!row.hidden) n++;
    }
    found.textContent = want ? n + " of " + body.rows.length + " rows" : "";
  });
}
