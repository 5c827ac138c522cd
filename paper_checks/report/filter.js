"use strict";
(() => {
  const form = document.querySelector(".filters");
  const buttons = [...form.querySelectorAll("[data-filter]")];
  const text = form.elements.text;
  const output = form.querySelector("output");
  const reset = form.querySelector("[type=reset]");
  const rows = [...document.querySelectorAll("tr[data-claim]")];
  const articles = new Map([...document.querySelectorAll("article[data-claim]")].map((a) => [a.dataset.claim, a]));
  const words = new Map(rows.map((row) => [row, `${row.textContent} ${articles.get(row.dataset.claim).textContent}`.toLowerCase()]));

  const pressed = (kind) =>
    buttons.filter((b) => b.dataset.filter === kind && b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.value);

  function apply() {
    const verdicts = pressed("verdict"), papers = pressed("paper");
    const terms = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = (!verdicts.length || verdicts.includes(row.dataset.verdict)) &&
        (!papers.length || papers.includes(row.dataset.paper)) &&
        terms.every((term) => words.get(row).includes(term));
      row.hidden = !fits;
      articles.get(row.dataset.claim).hidden = !fits;
      shown += fits;
    }
    const filtered = verdicts.length || papers.length || terms.length;
    output.textContent = filtered ? `${shown} of ${rows.length} claims` : `${rows.length} ${rows.length === 1 ? "claim" : "claims"}`;
    reset.hidden = !filtered;
  }

  function clear() {
    for (const button of buttons) button.setAttribute("aria-pressed", "false");
    text.value = "";
    apply();
  }

  /* A link to a claim that the filter hides shows all claims again. */
  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.hidden) {
      clear();
      target.scrollIntoView();
    }
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  text.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => { event.preventDefault(); clear(); text.focus(); });
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => { if (event.target.closest("a[href^='#']")) setTimeout(follow); });
  addEventListener("beforeprint", () => { for (const details of document.querySelectorAll("details")) details.open = true; });
  form.hidden = false;
  apply();
})();
