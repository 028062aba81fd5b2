// The form of a monitor is tried without leaving the page: what came of it is told below the button. Without this script
// the button sends the form, and the page that comes back tells it.
"use strict";
(() => {
  const place = document.getElementById("tried"), form = place?.closest("form");
  if (!form) return;
  const say = (words) => { const line = document.createElement("p"); line.textContent = words; place.replaceChildren(line); };
  let asked = null;
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.name !== "try") return;
    event.preventDefault();
    asked?.abort();
    const mine = asked = new AbortController();
    say("Trying…");
    try {
      const fields = new URLSearchParams(new FormData(form, event.submitter));
      const signal = AbortSignal.any([mine.signal, AbortSignal.timeout(60000)]);
      const answer = await fetch(form.action, { method: "POST", body: fields, signal });
      if (answer.redirected) { say("You are signed out: send the form to sign in again; what you typed is kept."); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const told = page.querySelector("#tried > *") ? page.getElementById("tried") : page.getElementById("problem") || page.querySelector("main");
      place.replaceChildren(...(told ? told.childNodes : []));
      if (!place.childNodes.length) say("The server does not answer as it should: try it again.");
    } catch { if (mine === asked) say("The server cannot be reached: try it again."); }
  });
})();
