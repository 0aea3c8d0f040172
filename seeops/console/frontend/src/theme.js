// Runs before the first paint, so that a dark page never flashes white.
const stored = localStorage.getItem("seeops-theme");
const wanted = stored || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
document.documentElement.dataset.theme = wanted;
