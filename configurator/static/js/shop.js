// The configuring page: clicks swap a part instead of the page. Without this file every link still works.
(() => {
  "use strict";

  // A click asks for the part of the page only. A click made before the last answer came builds on that click.
  let asked = null;
  document.addEventListener("htmx:config:request", (event) => {
    const ctx = event.detail.ctx;
    const root = document.getElementById("configure");
    if (!ctx || !root || !root.contains(ctx.sourceElement) || ctx.request.method !== "GET") return;
    const url = new URL(ctx.request.action, location.href);
    for (const [name, value] of ctx.request.body) url.searchParams.set(name, value);
    for (const name of [...ctx.request.body.keys()]) ctx.request.body.delete(name);
    stepped = STEPS.includes(ctx.sourceElement.id);
    const [kind, group] = ctx.sourceElement.id.split("-");
    if (asked && kind === "o") {
      const wanted = url.searchParams.get(group);
      const merged = new URL(asked);
      merged.searchParams.delete(group);
      if (wanted) merged.searchParams.set(group, wanted);
      merged.searchParams.delete("steps-ahead");
      const [step] = (url.searchParams.get("step-back") || "").split("|");
      merged.searchParams.set("step-back", [step, merged.searchParams.get("step-back")].filter(Boolean).join("|"));
      url.search = merged.search;
    }
    asked = url.href;
    if (!url.pathname.endsWith("/choose")) url.pathname += "/choose";
    ctx.request.action = url.pathname + url.search;
  });

  // Undo, redo and starting over take their own button away when nothing is left to do; its neighbour gets the focus.
  const STEPS = ["undo", "redo", "reset"];
  let stepped = false;
  const keepFocus = () => {
    if (!stepped || document.activeElement !== document.body) return;
    const next = [...STEPS, "order"].map((id) => document.getElementById(id)).find(Boolean);
    if (next) next.focus({ preventScroll: true });
  };

  const shown = new Map();
  const remember = () => {
    for (const element of document.querySelectorAll("[data-watch]")) shown.set(element.id, element.textContent);
  };

  // Of the options; only beside the date to which they belong.
  const putDates = (answered, now) => {
    const found = answered.querySelector("[data-arrives]");
    if (!found || now.dataset.arrives !== found.dataset.arrives) return;
    for (const one of found.querySelectorAll("[data-place]")) {
      const target = document.getElementById(one.dataset.place);
      if (!target) continue;
      target.textContent = one.textContent;
      target.classList.add("known");
    }
  };

  // The dates that the click did not wait for. The next click makes them out of date.
  let waiting = null;
  const askForDates = async () => {
    if (waiting) waiting.abort();
    waiting = null;
    const root = document.getElementById("configure");
    if (!root || !root.dataset.dates) return;
    const mine = (waiting = new AbortController());
    const place = root.dataset.dates;
    try {
      const answer = await fetch(place, { signal: mine.signal, headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      const answered = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = document.getElementById("configure");
      if (now && now.dataset.dates === place) putDates(answered, now);
    } catch {
      // A newer click, or no connection: what is unknown stays unknown, and the next click asks again.
    }
  };

  // A second thought: after a second of rest the factory is searched for an earlier date. The next click ends it.
  const REST = 1000; // milliseconds
  let thinking = null;
  const askForEarlier = () => {
    if (thinking) thinking.abort();
    const mine = (thinking = new AbortController());
    const root = document.getElementById("configure");
    const place = root && root.dataset.earlier;
    if (!place) return;
    setTimeout(async () => {
      const token = document.querySelector('meta[name="csrf-token"]');
      if (mine.signal.aborted || !token || document.hidden) return;
      try {
        const headers = { "HX-Request": "true", "X-CSRFToken": token.content };
        const answer = await fetch(place, { method: "POST", signal: mine.signal, headers });
        if (!answer.ok || answer.status === 204) return;
        const answered = new DOMParser().parseFromString(await answer.text(), "text/html");
        const found = answered.querySelector("[data-date]");
        const now = document.getElementById("configure");
        if (!found || !now || now.dataset.earlier !== place) return;
        document.getElementById("arrives").textContent = found.dataset.date;
        document.getElementById("arrives-note").textContent = found.dataset.note;
        document.getElementById("announce").textContent = found.dataset.spoken;
        putDates(answered, now);
        highlight();
      } catch {
        // A newer click, or no connection: the date that stands there is good.
      }
    }, REST);
  };
  document.addEventListener("htmx:before:request", () => thinking && thinking.abort());

  const highlight = () => {
    for (const element of document.querySelectorAll("[data-watch]")) {
      if (shown.has(element.id) && shown.get(element.id) !== element.textContent) {
        element.classList.remove("moved");
        void element.offsetWidth; // so that the highlight starts anew
        element.classList.add("moved");
      }
    }
    remember();
  };

  const settle = () => {
    askForDates();
    askForEarlier();
    asked = null;
    highlight();
    openRefusal();
    const telling = document.querySelector('#configure [aria-invalid="true"]') || document.getElementById("news");
    if (telling) telling.focus();
    keepFocus();
  };

  const openRefusal = () => {
    const dialog = document.getElementById("refusal");
    if (!dialog || (dialog.open && dialog.matches(":modal"))) return;
    if (dialog.open) dialog.close();
    dialog.showModal();
    const first = dialog.querySelector("#repair-1, #keep");
    if (first) first.focus();
  };

  document.addEventListener("htmx:before:swap", () => {
    const dialog = document.getElementById("refusal");
    if (dialog && dialog.matches(":modal")) dialog.close(); // gives the focus back to the option
    const trouble = document.getElementById("trouble");
    if (trouble) trouble.replaceChildren();
  });
  document.addEventListener("htmx:after:swap", settle);
  document.addEventListener("htmx:error", (event) => {
    const error = event.detail && event.detail.error;
    if (error && error.name === "AbortError") return;
    asked = null;
    const trouble = document.getElementById("trouble");
    if (!trouble || !trouble.dataset.offline) return;
    const note = document.createElement("div");
    note.className = "note danger";
    note.textContent = trouble.dataset.offline;
    trouble.replaceChildren(note);
  });

  document.addEventListener("click", (event) => {
    const close = event.target.closest && event.target.closest("[data-close]");
    if (!close) return;
    const dialog = close.closest("dialog");
    if (!dialog || !dialog.matches(":modal")) return;
    event.preventDefault();
    event.stopPropagation();
    dialog.close();
  }, true);

  document.addEventListener("change", (event) => {
    if (event.target.matches && event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  document.addEventListener("DOMContentLoaded", () => {
    remember();
    askForDates();
    askForEarlier();
    openRefusal();
    // On a small screen one step is open at a time, to begin with.
    if (window.matchMedia("(max-width: 56rem)").matches && !location.hash) {
      for (const step of document.querySelectorAll("details.step:not(:first-of-type)")) step.open = false;
    }
    const reach = () => {
      const target = location.hash && document.getElementById(location.hash.slice(1));
      const step = target && target.closest("details.step");
      if (step) step.open = true;
    };
    window.addEventListener("hashchange", reach);
    reach();
  });

  // A link to a step or an open question opens its step first.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(link.hash.slice(1));
    const step = target && target.closest("details.step");
    if (step) step.open = true;
  });
})();
