// Lists are walked by j and k, opened by enter, marked by x; / goes to the filter.
function rows() { return [...document.querySelectorAll("[data-rows] tr[data-href], [data-rows] [data-row]")]; }

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.classList.contains("cursor"));
  const next = all[Math.max(0, Math.min(all.length - 1, at + step))];
  all.forEach((row) => row.classList.toggle("cursor", row === next));
  next.scrollIntoView({ block: "nearest" });
}

export function startKeyboard() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog[open]")) return;
    const cursor = document.querySelector(".cursor");
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "Enter" && cursor?.dataset.href) location.href = cursor.dataset.href;
    else if (event.key === "x" && cursor) cursor.querySelector('input[type="checkbox"]')?.click();
    else if (event.key === "/") document.querySelector("[data-filter]")?.focus();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-href]");
    if (row && !event.target.closest("a, button, input, label, summary, .copy")) location.href = row.dataset.href;
  });
}
