// What a page does beyond being read: it keeps the zone of the reader's clock, `/` goes to the search, and what stands
// in #live is made anew when the server tells that something has changed. Without this script every page is whole.
"use strict";
(() => {
  const root = document.body.dataset.root || "";
  const cookie = (name) => document.cookie.split("; ").find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);

  const keepZone = () => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!zone || cookie("pingfold_zone")) return false;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `pingfold_zone=${zone}; Path=${root || "/"}; Max-Age=31536000; SameSite=Lax${secure}`;
    return cookie("pingfold_zone") === zone && zone !== document.body.dataset.zone;
  };

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });

  // On a phone a row of a table stands as a list, each cell behind the head of its column (web.css).
  const label = (within) => {
    for (const table of within.querySelectorAll(".scroll > table, main > table:not(.month)")) {
      const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
      if (!heads.length) continue;
      for (const row of table.tBodies[0]?.rows ?? []) {
        if (row.cells.length !== heads.length) continue;
        [...row.cells].forEach((cell, at) => { if ((at || heads[at] === "#") && cell.textContent.trim()) cell.dataset.label = heads[at]; });
      }
      table.classList.add("labelled");
    }
  };
  label(document);

  const part = () => document.getElementById("live");
  const say = (words) => { const state = document.getElementById("live-state"); if (state && state.textContent !== words) state.textContent = words; };

  const swap = (from) => {
    const now = part(), next = from.getElementById("live");
    if (!now || !next) return;
    const focused = document.activeElement, key = now.contains(focused) ? focused.id || focused.getAttribute("href") : "";
    const open = [...now.querySelectorAll("details[open][id]")].map((one) => one.id);
    const [x, y] = [scrollX, scrollY];
    const picked = [...now.querySelectorAll(".pick:checked")].map((one) => one.id);
    label(next);
    now.replaceChildren(...next.childNodes);
    for (const id of picked) { const box = document.getElementById(id); if (box) box.checked = true; }
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (key) {
      const again = document.getElementById(key) || [...now.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === key);
      again?.focus({ preventScroll: true });
    }
    scrollTo(x, y);
    const summary = document.getElementById("summary"), told = from.getElementById("summary");
    if (summary && told && summary.textContent !== told.textContent) summary.textContent = told.textContent;
    if (document.title !== from.title) document.title = from.title;
  };

  // What somebody types into stays: the new part waits until he has left the field.
  const isTyping = () => part()?.contains(document.activeElement) && document.activeElement.matches("input:not(.pick), textarea, select");
  document.addEventListener("focusout", () => setTimeout(() => { if (waits && !isTyping()) refresh(); }));

  const state = () => { if (!part()?.dataset.live) return ""; return deaf ? "Looked up twice a minute: no news gets through." : "Live"; };
  // One box for all of a list; it is there only with this script.
  for (const all of document.querySelectorAll("[data-all]")) {
    all.closest("label").hidden = false;
    all.addEventListener("input", () => { for (const box of document.querySelectorAll(all.dataset.all)) box.checked = all.checked; });
  }

  for (const picker of document.querySelectorAll("[data-sets]")) picker.addEventListener("input", () => { document.getElementById(picker.dataset.sets).value = picker.value; });

  let busy = false, again = false, waits = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    waits = isTyping();
    if (waits) { say("Something has changed; it is shown when you have left the field."); return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
      const page = answer.ok && !answer.redirected ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
      if (page?.getElementById("live")) { swap(page); say(state()); }
      else if (answer.status < 500) { stop(); say("You are signed out, or this page is gone: load it again."); }
      else say("The server does not answer as it should; what is shown is older.");
    } catch { say("The server cannot be reached; what is shown is older."); }
    busy = false;
    if (again) { again = false; refresh(); }
  };

  // A page that hears nothing for more than two heartbeats asks by itself, and begins to listen anew: a proxy may keep
  // the stream back, and a connection may have died without a word.
  const SILENCE = 40000, AGAIN = 10000;
  let source = null, heard = 0, deaf = false, later = 0;
  const hear = () => { heard = Date.now(); if (deaf) { deaf = false; say(state()); } };
  const stop = () => { source?.close(); source = null; clearTimeout(later); };
  const start = () => {
    const live = part();
    if (!live?.dataset.live || source || document.hidden || !window.EventSource) return;
    clearTimeout(later);
    heard = Date.now();
    source = new EventSource(live.dataset.live);
    // What changed while nobody listened is looked up now, also after each break.
    source.onopen = refresh;
    source.addEventListener("still", hear);
    source.addEventListener("changed", () => { hear(); refresh(); });
    source.addEventListener("ended", () => { stop(); refresh(); });
    source.onerror = () => {
      say("Connecting again; what is shown is older.");
      // Refused, as when too many listen or the server starts again, it does not try by itself.
      if (source?.readyState === EventSource.CLOSED) { stop(); later = setTimeout(() => { start(); refresh(); }, AGAIN); }
    };
  };
  setInterval(() => {
    if (!source || Date.now() - heard < SILENCE) return;
    deaf = true;
    stop();
    start();
    refresh();
  }, 5000);
  const every = part()?.dataset.every;
  if (every) setInterval(() => { if (!document.hidden) refresh(); }, 1000 * every);
  // Hidden pages listen to nothing: a browser has few connections to a server.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));

  // What fields mean is told while somebody types, by the server; only the newest answer is shown.
  for (const place of document.querySelectorAll("[data-preview]")) {
    const form = place.closest("form"), names = place.dataset.fields.split(" ");
    let soon = 0, asked = 0;
    const show = async () => {
      const mine = ++asked, said = new FormData(form);
      const query = new URLSearchParams(names.filter((name) => said.has(name)).map((name) => [name, said.get(name)]));
      try {
        const answer = await fetch(`${root}${place.dataset.preview}?${query}`, { signal: AbortSignal.timeout(5000) });
        if (mine !== asked || !answer.ok || answer.redirected) return;
        place.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
      } catch { /* what is shown is that of before; the form can be sent in any case */ }
    };
    form?.addEventListener("input", (event) => {
      if (!names.includes(event.target.name)) return;
      clearTimeout(soon);
      soon = setTimeout(show, 300);
    });
    show();
  }

  // Fields that another choice makes pointless are not shown.
  const only = (form) => {
    for (const field of form.querySelectorAll("[data-only]")) {
      const [name, values] = field.dataset.only.split("=");
      field.hidden = !values.split(",").includes(new FormData(form).get(name) ?? "");
    }
  };
  for (const form of document.querySelectorAll("form.edit")) { only(form); form.addEventListener("input", () => only(form)); }
  document.getElementById("problem")?.focus();
  // The slider over the past: what it stands at is shown when it has rested for a moment, and the address names it.
  const slider = document.getElementById("moment");
  let moved = 0;
  slider?.addEventListener("input", () => {
    clearTimeout(moved);
    moved = setTimeout(() => {
      const address = new URL(location.href), at = new Date(slider.value * 1000);
      if (at > new Date()) address.searchParams.delete("at");
      else address.searchParams.set("at", at.toISOString().replace(".000Z", "+00:00"));
      address.searchParams.delete("page");
      history.replaceState(null, "", address);
      slider.setAttribute("aria-valuetext", at.toLocaleString());
      refresh();
    }, 150);
  });

  const zoneIsNew = keepZone();
  if (!document.hidden) start();
  if (zoneIsNew) { if (part()) refresh(); else location.reload(); }
})();
