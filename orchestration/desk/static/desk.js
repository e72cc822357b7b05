// Keys and small comforts; every page works without them.
"use strict";
(() => {
  const one = (wanted, root = document) => root.querySelector(wanted);
  const all = (wanted) => [...document.querySelectorAll(wanted)];
  const say = (text) => { const live = one("#live"); if (live) live.textContent = text; };

  const typing = (target) =>
    target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

  const move = (step) => {
    const rows = all(".cases a");
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
    if (next < 0 || next >= rows.length) {
      say(next < 0 ? "This is the first case." : "This is the last case on this page.");
      return;
    }
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  };

  const choose = (outcome) => {
    const form = one("#decide");
    const ask = one("#confirm");
    if (!form || !ask) return;
    const text = one("textarea", form);
    if (text.value.trim().length < text.minLength) {
      text.focus();
      say(`Write why first: at least ${text.minLength} characters.`);
      return;
    }
    const button = one(`button[value=${outcome}]`, form);
    if (!button) return;
    one("#confirm-what", ask).textContent = button.dataset.asks;
    ask.dataset.outcome = outcome;
    ask.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (typing(event.target) || one("dialog[open]")) return;
    const act = {
      j: () => move(1),
      k: () => move(-1),
      a: () => choose("approve"),
      d: () => choose("decline"),
      r: () => { const text = one("#decide textarea"); if (text) text.focus(); },
      u: () => { const up = one("a[data-up]"); if (up) up.click(); },
      "?": () => { const help = one("#help"); if (help) help.showModal(); },
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-opens], [data-closes], [data-confirms]");
    if (!target) return;
    if (target.dataset.opens) one(target.dataset.opens).showModal();
    const dialog = target.closest("dialog");
    if (target.dataset.confirms !== undefined && dialog) {
      const button = one(`#decide button[value=${dialog.dataset.outcome}]`);
      dialog.close();
      button.form.requestSubmit(button);
    } else if (target.dataset.closes !== undefined && dialog) {
      dialog.close();
    }
  });

  // Once is enough: a second click while the answer is on its way would be a second decision.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method === "post") form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => all("form").forEach((form) => delete form.dataset.sent));

  // Writing is a sign of life: a long rationale must not end in a session that is over.
  let told = Date.now();
  document.addEventListener("input", (event) => {
    if (event.target.tagName !== "TEXTAREA" || Date.now() - told < 300000) return;
    told = Date.now();
    fetch("/session", { cache: "no-store" }).catch(() => say("The desk does not answer."));
  });

  // Where the first thing to read is a message, say it.
  window.addEventListener("load", () => {
    const message = one("[data-message]");
    if (message) say(message.textContent.trim().replace(/\s+/g, " "));
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    const count = one("#shown");
    if (count) say(count.textContent.trim().replace(/\s+/g, " "));
  });
  for (const failed of ["htmx:responseError", "htmx:sendError"]) {
    document.body.addEventListener(failed, () => say("That did not work. Reload the page."));
  }
})();
