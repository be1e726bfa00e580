let isDown = false;

function note({ type }: Event): void {
  isDown = type === "pointerdown";
}
for (const type of ["pointerdown", "pointerup", "pointercancel"]) window.addEventListener(type, note, true);

/** The click follows the pointer's way up in the same moment. */
const CLICK_MS = 50;

/** Now, or once the pointer is up again: what appears in between pushes the button away from under it, and the press is lost. */
export function afterPress(then: () => void): void {
  if (isDown) window.addEventListener("pointerup", () => setTimeout(then, CLICK_MS), { once: true });
  else then();
}
