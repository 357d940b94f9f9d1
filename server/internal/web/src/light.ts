// What belongs together is lit up when one of it is pointed at: the words of two texts, the neighbours in the graph.

export function light(): void {
  const on = (e: Event) => {
    const target = e.target as Element;
    const mark = target.closest?.("mark[data-t]");
    for (const old of document.querySelectorAll("mark.lit")) old.classList.remove("lit");
    if (mark) {
      const same = `mark[data-t="${mark.getAttribute("data-t")}"]`;
      for (const other of document.querySelectorAll(same)) other.classList.add("lit");
    }
    look(target.closest?.("[data-graph] a[data-n]") ?? null);
  };
  document.addEventListener("pointerover", on);
  document.addEventListener("focusin", on);
}

/** Shows one paper of the graph with those it is joined to. */
function look(node: Element | null): void {
  const svg = document.querySelector("[data-graph] svg");
  if (!svg) return;
  for (const old of svg.querySelectorAll(".lit")) old.classList.remove("lit");
  svg.classList.toggle("looking", node !== null);
  if (!node) return;
  const n = node.getAttribute("data-n");
  const show = (which: string | null) => {
    for (const one of svg.querySelectorAll(`a[data-n="${which}"], [data-name="${which}"]`)) one.classList.add("lit");
  };
  show(n);
  for (const line of svg.querySelectorAll("line[data-a]")) {
    const a = line.getAttribute("data-a");
    const b = line.getAttribute("data-b");
    if (a !== n && b !== n) continue;
    line.classList.add("lit");
    show(a === n ? b : a);
  }
}
