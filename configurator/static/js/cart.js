// The time for which dates are held, counted down by the server's clock. Without this file the page names its end.
(() => {
  "use strict";

  const MINUTES_SAID = [5, 1]; // left, at which it is said aloud
  const place = document.querySelector("[data-held-until]");
  if (!place) return;
  const ahead = Number(place.dataset.now) * 1000 - Date.now(); // of this browser's clock
  const end = Number(place.dataset.heldUntil) * 1000;
  const left = place.querySelector(".held-left");

  const say = (words) => {
    document.getElementById("live").textContent = words;
  };

  let said = Infinity;
  const tick = () => {
    const seconds = Math.ceil((end - Date.now() - ahead) / 1000);
    if (seconds <= 0) {
      clearInterval(timer);
      // What is typed into a form stays; the server decides when it is sent.
      if (!document.querySelector("form.checkout")) location.reload();
      else say(place.parentElement.textContent = place.dataset.overWords);
      return;
    }
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    left.textContent = place.dataset.leftWords.replace("{left}", clock);
    const minutes = Math.ceil(seconds / 60);
    const due = MINUTES_SAID.find((mark) => minutes <= mark && said > mark);
    if (due !== undefined) {
      said = due;
      say(minutes === 1 ? place.dataset.lastWords : place.dataset.soonWords.replace("{minutes}", minutes));
    }
  };
  const timer = setInterval(tick, 1000);
  tick();
})();
