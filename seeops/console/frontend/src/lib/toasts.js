const STAY_MS = 8000;

function fade(el) { setTimeout(() => el.remove(), STAY_MS); }

export function showToast(text, level = "good") {
  const el = document.createElement("div");
  el.className = `toast ${level}`;
  el.textContent = text;
  document.getElementById("toasts").append(el);
  fade(el);
}

export function startToasts() {
  document.querySelectorAll("[data-toast]").forEach(fade);
  document.body.addEventListener("toast", (event) => showToast(event.detail.text, event.detail.level));
}
