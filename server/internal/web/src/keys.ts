// Keys as people know them: / j k o l x ?

/** The cards of the page, in their order. */
export function cards(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("#main [data-card]")];
}

/** The card that keys are about: the one that holds the focus, or was last gone to. */
function current(): HTMLElement | null {
  const focused = document.activeElement?.closest<HTMLElement>("#main [data-card]");
  return focused ?? document.querySelector<HTMLElement>("#main [data-card].at");
}

/** Marks a card, brings it into view and gives its link the focus. */
export function goTo(card: HTMLElement): void {
  for (const other of document.querySelectorAll(".at")) other.classList.remove("at");
  card.classList.add("at");
  card.querySelector<HTMLElement>("[data-open], button")?.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function move(by: number): void {
  const all = cards();
  if (all.length === 0) return;
  const at = current();
  const next = at ? all.indexOf(at) + by : by > 0 ? 0 : all.length - 1;
  const card = all[Math.min(Math.max(next, 0), all.length - 1)];
  if (card) goTo(card);
}

/** Presses a button of the card that keys are about, or of the only one. */
function press(selector: string): void {
  const card = current() ?? cards()[0];
  card?.querySelector<HTMLButtonElement>(selector)?.click();
}

export function keys(): void {
  document.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
    const target = e.target as HTMLElement;
    if (target.closest("input, textarea, select, [contenteditable]")) {
      if (e.key === "Escape") target.blur();
      return;
    }
    if (document.querySelector("dialog[open]") && e.key !== "?") return;
    switch (e.key) {
      case "/": {
        const field = document.querySelector<HTMLInputElement>("[data-search]");
        if (!field) return;
        field.focus();
        field.select();
        break;
      }
      case "j": move(1); break;
      case "k": move(-1); break;
      case "o": current()?.querySelector<HTMLAnchorElement>("[data-open]")?.click(); break;
      case "l": press("[data-like]"); break;
      case "x": press("[data-hide]"); break;
      case "?": {
        const dialog = document.querySelector<HTMLDialogElement>("#keys");
        if (dialog?.open) dialog.close();
        else dialog?.showModal();
        break;
      }
      default: return;
    }
    e.preventDefault();
  });
  document.addEventListener("focusin", (e) => {
    const card = (e.target as HTMLElement).closest?.("#main [data-card]");
    if (!card) return;
    for (const other of document.querySelectorAll(".at")) if (other !== card) other.classList.remove("at");
    card.classList.add("at");
  });
}
