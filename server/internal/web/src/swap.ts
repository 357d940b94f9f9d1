// Forms that say what is liked are sent in the background, and the answer, which is the same page anew, takes the place
// of the old one: what is recommended changes with each like, and the reader stays where they were.

import { goTo } from "./keys";

/** Asks for a page, as a document whose scripts do not run. */
function ask(form: HTMLFormElement, button: HTMLButtonElement): Promise<Document> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.timeout = 30_000;
    request.onload = () => {
      const page = request.responseXML;
      const same = new URL(request.responseURL).pathname === location.pathname;
      if (request.status === 200 && same && page?.querySelector("#main")) {
        resolve(page);
      } else if (request.status === 200) {
        location.assign(request.responseURL); // a session has ended: the answer is where to sign in
      } else {
        reject(new Error(String(request.status)));
      }
    };
    request.onerror = request.ontimeout = () => reject(new Error("no answer"));
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form, button)) body.append(name, String(value));
    request.send(body);
  });
}

/** A handler that hands forms with data-swap to ask. cards lists the cards of the page. */
export function swap(cards: () => HTMLElement[]): void {
  let busy = false;
  document.addEventListener("submit", (e) => {
    const form = e.target as HTMLFormElement;
    const button = (e as SubmitEvent).submitter as HTMLButtonElement | null;
    if (!form.matches("[data-swap]") || !button) return;
    e.preventDefault();
    if (busy) return;
    busy = true;
    const card = button.closest<HTMLElement>("[data-card]");
    const place = card ? cards().indexOf(card) : -1;
    const link = card?.querySelector<HTMLAnchorElement>("[data-open]")?.href;
    const kind = button.matches("[data-like]") ? "[data-like]" : "[data-hide]";
    const hadFocus = document.activeElement === button || card?.contains(document.activeElement);
    ask(form, button).then((answer) => {
      replace(answer, "#main");
      replace(answer, ".top nav");
      say(`${button.textContent}: ${button.ariaPressed === "true" ? "taken back" : "done"}`);
      const all = cards();
      const linkOf = (c: Element) => c.querySelector<HTMLAnchorElement>("[data-open]")?.href;
      const again = all.find((c) => link && linkOf(c) === link) ?? all[Math.min(place, all.length - 1)];
      if (again && hadFocus) {
        const same = linkOf(again) === link;
        goTo(again);
        if (same) again.querySelector<HTMLButtonElement>(kind)?.focus({ preventScroll: true });
      }
      document.dispatchEvent(new CustomEvent("swapped"));
    }).catch(() => {
      // The plain way tells what is wrong: a role that is missing, a server that is busy.
      form.removeAttribute("data-swap");
      form.requestSubmit(button);
    }).finally(() => {
      busy = false;
    });
  });
}

function replace(answer: Document, selector: string): void {
  const now = document.querySelector(selector);
  const next = answer.querySelector(selector);
  if (now && next) now.replaceWith(document.adoptNode(next));
}

function say(text: string): void {
  const said = document.querySelector("#said");
  if (said) said.textContent = text;
}
