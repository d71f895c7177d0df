// What every page shares. Everything works without it: this only makes it quicker and kinder.
(() => {
  "use strict";

  // htmx sends the form token with everything that changes something.
  document.addEventListener("htmx:config:request", (event) => {
    const token = document.querySelector('meta[name="csrf-token"]');
    const request = event.detail.ctx && event.detail.ctx.request;
    if (token && request && request.method !== "GET") request.headers["X-CSRFToken"] = token.content;
  });

  // One click, one order: a form marked data-once sends itself once. The server is idempotent anyway.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-once")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll('button[type="submit"]')) {
      button.setAttribute("data-busy", "");
      button.setAttribute("aria-disabled", "true");
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once][data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[data-busy]")) {
        button.removeAttribute("data-busy");
        button.removeAttribute("aria-disabled");
      }
    }
  });

  // A form that came back with errors puts the keyboard on the first of them.
  document.addEventListener("DOMContentLoaded", () => {
    const wrong = document.querySelector('main [aria-invalid="true"]');
    if (wrong) wrong.focus();
  });
})();
