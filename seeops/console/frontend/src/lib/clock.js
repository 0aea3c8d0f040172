// The exchange's clock: Shanghai, whatever the machine's zone.
const format = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function startClock() {
  const show = () => document.querySelectorAll("[data-clock]").forEach((el) => { el.textContent = format.format(new Date()); });
  show();
  setInterval(show, 1000);
}
