// Carries a label under the finger and says where it was let go. A tap stays a tap.
const FAR = 8;

export function dragged(start, label, dropped) {
  let ghost = null;
  const move = (event) => {
    if (event.pointerId !== start.pointerId) return;
    if (!ghost) {
      if (Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < FAR) return;
      ghost = document.createElement("div");
      ghost.className = "flow-ghost";
      ghost.textContent = label;
      document.body.append(ghost);
    }
    ghost.style.transform = `translate(${event.clientX - 40}px, ${event.clientY - 48}px)`;
  };
  const end = (event) => {
    if (event.pointerId !== start.pointerId) return;
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    if (ghost && event.type === "pointerup") {
      dropped(event.clientX, event.clientY);
    }
    ghost?.remove();
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}
