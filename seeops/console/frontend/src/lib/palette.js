// Ctrl K: one box that finds everything.
export function startPalette() {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const open = () => { dialog.showModal(); input.select(); };
  document.querySelectorAll("[data-palette]").forEach((el) => el.addEventListener("click", open));
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); }
  });
  dialog.addEventListener("keydown", (event) => {
    const links = [...dialog.querySelectorAll("#palette-results a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown") { event.preventDefault(); (links[at + 1] || links[0])?.focus(); }
    else if (event.key === "ArrowUp") { event.preventDefault(); (links[at - 1] || input).focus(); }
    else if (event.key === "Enter" && document.activeElement === input && links[0]) { event.preventDefault(); links[0].click(); }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.querySelector("[data-menu]")?.addEventListener("click", () => document.body.classList.toggle("menu-open"));
}
