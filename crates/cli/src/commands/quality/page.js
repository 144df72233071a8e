"use strict";
const table = document.getElementById("pictures");
const body = table.tBodies[0];
const names = new Intl.Collator(undefined, { numeric: true });

// A number, or a name; a cell without either comes last in both directions.
const key = (cell) => {
  const name = cell.querySelector("summary");
  if (name) return name.textContent;
  const number = parseFloat(cell.textContent);
  return Number.isNaN(number) ? null : number;
};

table.tHead.addEventListener("click", (event) => {
  const head = event.target.closest("button")?.parentElement;
  if (!head) return;
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const sign = up ? 1 : -1;
  const rows = Array.from(body.rows, (row) => [key(row.cells[head.cellIndex]), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "number" ? a - b : names.compare(a, b));
  });
  body.append(...rows.map(([, row]) => row));
});

body.addEventListener("click", (event) => {
  if (event.target.closest("details") || getSelection().toString()) return;
  const details = event.target.closest("tr").querySelector("details");
  details.open = !details.open;
});
