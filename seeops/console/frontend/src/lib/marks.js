// Small habits of every page: copy on click, light or dark, all rows at once, forms that ask for a reason.
export function startMarks() {
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest(".copy");
    if (copy) {
      await navigator.clipboard?.writeText(copy.dataset.copy);
      copy.classList.add("copied");
      setTimeout(() => copy.classList.remove("copied"), 900);
    }
    if (event.target.closest("[data-theme-toggle]")) {
      const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      localStorage.setItem("seeops-theme", theme);
      document.dispatchEvent(new CustomEvent("theme", { detail: theme }));
    }
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
    const closer = event.target.closest("[data-close]");
    if (closer) closer.closest("dialog")?.close();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-check-all]")) {
      const scope = event.target.closest("form, table");
      scope.querySelectorAll('input[name="pick"]').forEach((box) => { box.checked = event.target.checked; });
    }
    if (event.target.matches('[data-check-all], input[name="pick"]')) {
      const n = document.querySelectorAll('input[name="pick"]:checked').length;
      document.querySelectorAll("[data-picked]").forEach((el) => { el.textContent = n; });
      document.querySelectorAll("[data-needs-pick]").forEach((el) => { el.hidden = n === 0; });
    }
    if (event.target.matches("[data-autosubmit] select, [data-autosubmit] input[name]")) event.target.form.requestSubmit();
  });
}
