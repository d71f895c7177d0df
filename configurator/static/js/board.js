// The board's timeline: lines as rows, operations as bars, loaded for the days that are shown. The table below says the
// same; without this file, it and the links are the board.
(() => {
  "use strict";
  const timeline = document.getElementById("timeline");
  if (!timeline || !window.EventCalendar) return;
  const data = timeline.dataset;
  const side = document.getElementById("order");

  // --- light up the whole path of an order ---
  let chosen = data.open;
  const light = (order, on, name) => {
    if (!order) return;
    for (const bar of timeline.querySelectorAll(`.order-${CSS.escape(String(order))}`)) bar.classList.toggle(name, on);
    timeline.classList.toggle(`some-${name}`, Boolean(on || timeline.querySelector(`.${name}`)));
  };
  const choose = (order) => {
    light(chosen, false, "chosen");
    chosen = String(order);
    light(chosen, true, "chosen");
  };

  // A bar is a link: the keyboard reaches it, a new tab can open it, and here it opens at the side.
  const link = (event) => {
    const more = event.extendedProps;
    if (!more.order) return undefined;
    const element = document.createElement("a");
    element.href = more.address;
    element.className = "bar-link";
    element.textContent = event.title;
    element.setAttribute("aria-label", more.words);
    element.dataset.order = more.order;
    element.addEventListener("focus", () => light(more.order, true, "lit"));
    element.addEventListener("blur", () => light(more.order, false, "lit"));
    element.addEventListener("mouseenter", () => light(more.order, true, "lit"));
    element.addEventListener("mouseleave", () => light(more.order, false, "lit"));
    return { domNodes: [element] };
  };
  timeline.addEventListener("click", (event) => {
    const bar = event.target.closest("a.bar-link");
    if (!bar || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    window.htmx.ajax("GET", bar.href, { target: "#order", swap: "innerHTML" });
    if (window.matchMedia("(max-width: 60rem)").matches) side.scrollIntoView({ block: "start" });
  });

  const url = (info) => {
    const query = new URLSearchParams({ start: info.startStr + data.offset, end: info.endStr + data.offset });
    if (data.proposal) query.set("proposal", data.proposal);
    return `${data.url}?${query}`;
  };

  const hours = Number(data.days) === 1 ? 1 : Number(data.days) === 3 ? 2 : 6;
  const width = Number(data.days) === 1 ? 72 : Number(data.days) === 3 ? 56 : 44;
  timeline.hidden = false;
  const start = new Date(data.start);
  window.EventCalendar.create(timeline, {
    view: "resourceTimelineDay",
    views: { resourceTimelineDay: { duration: { days: Number(data.days) } } },
    date: data.start,
    timeZone: data.offset,
    locale: data.locale,
    headerToolbar: { start: "", center: "", end: "" },
    resources: JSON.parse(document.getElementById("timeline-lines").textContent),
    slotDuration: { hours },
    slotLabelInterval: { hours },
    slotWidth: width,
    slotEventOverlap: true,
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    dayHeaderFormat: { weekday: "short", day: "numeric", month: "short" },
    height: "auto",
    nowIndicator: true,
    editable: false,
    eventStartEditable: false,
    eventDurationEditable: false,
    selectable: false,
    lazyFetching: false,
    scrollTime: { hours: Math.max(0, Math.min(Number(data.days) * 24, (new Date(data.now) - start) / 3600000) - 2) },
    eventSources: [{
      events: async (info) => {
        const answer = await fetch(url(info), { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.json();
      },
    }],
    eventContent: (info) => link(info.event),
    eventDidMount: (info) => {
      const more = info.event.extendedProps;
      info.el.title = more.words;
      if (more.swatch) info.el.style.setProperty("--swatch", more.swatch);
      if (more.order && String(more.order) === chosen) {
        info.el.classList.add("chosen");
        timeline.classList.add("some-chosen");
      }
    },
  });
  // The calendar calls itself a table, but its cells are in no rows: the words of a table go, the links stay, and the
  // real table below says the same.
  const roles = ["table", "rowgroup", "row", "rowheader", "columnheader", "cell"].map((role) => `[role="${role}"]`);
  const counts = ["aria-colindex", "aria-rowindex", "aria-colcount", "aria-rowcount", "aria-colspan", "aria-rowspan"];
  const plain = () => {
    for (const element of timeline.querySelectorAll(roles.join())) element.removeAttribute("role");
    for (const name of counts) {
      for (const element of timeline.querySelectorAll(`[${name}]`)) element.removeAttribute(name);
    }
  };
  plain();
  new MutationObserver(plain).observe(timeline, { childList: true, subtree: true });

  document.addEventListener("click", (event) => {
    const asked = event.target.closest("a[data-order]");
    if (asked) choose(asked.dataset.order);
  });
})();
