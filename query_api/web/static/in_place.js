// A button with `data-shows` sends its form without leaving the page: what the server makes of it is shown in the element
// with that id. Without this script the button sends the form, and the page that comes back shows the same.
"use strict";
(() => {
  for (const form of document.querySelectorAll("form.edit")) {
    let asked = null;
    form.addEventListener("submit", async (event) => {
      const id = event.submitter?.dataset.shows, place = id && document.getElementById(id);
      if (!place) return;
      event.preventDefault();
      asked?.abort();
      const mine = asked = new AbortController();
      const say = (words) => { const line = document.createElement("p"); line.textContent = words; place.replaceChildren(line); };
      say("Asking the server…");
      const stop = setTimeout(() => mine.abort(), 60000);
      try {
        const fields = new URLSearchParams(new FormData(form, event.submitter));
        const answer = await fetch(form.getAttribute("action"), { method: "POST", body: fields, signal: mine.signal });
        if (answer.redirected) { say("You are signed out. Save the form: you are asked to sign in, and what you typed is kept."); return; }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const told = page.getElementById(id)?.children.length ? page.getElementById(id) : page.getElementById("problem");
        if (told) place.replaceChildren(...told.childNodes);
        else say("The server does not answer as it should: try it again.");
      } catch { if (mine === asked) say("The server cannot be reached, or takes too long: try it again."); }
      clearTimeout(stop);
    });
  }
})();
