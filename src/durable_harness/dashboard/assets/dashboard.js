"use strict";
// Everything works without this script. With it pages are live, times can be local, and keys work.
(() => {
  const live = document.getElementById("live");
  const lost = document.getElementById("lost"), gone = document.getElementById("gone");
  const byId = id => document.getElementById(id);
  const remembered = name => { try { return localStorage.getItem(name); } catch { return null; } };
  const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not kept, then */ } };

  // -- times: in UTC as the server writes them, or in this browser's zone -------------------------------------------
  const zone = byId("zone");
  const two = number => String(number).padStart(2, "0");
  const isLocal = () => remembered("times") === "local";
  const localText = at => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  const writeTimes = root => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      const utc = time.dateTime.replace("T", " ").replace("Z", "");
      const text = isLocal() && !isNaN(at) ? localText(at) : utc;
      if (time.textContent !== text) time.textContent = text;
      time.title = isLocal() ? `${utc} UTC` : "UTC";
    }
  };
  const nameZone = () => {
    const offset = -new Date().getTimezoneOffset();
    const sign = offset < 0 ? "−" : "+";
    const hours = Math.floor(Math.abs(offset) / 60), minutes = Math.abs(offset) % 60;
    const shift = `UTC${sign}${hours}${minutes ? `:${two(minutes)}` : ""}`;
    const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
    zone.textContent = isLocal() ? `Times in ${name} (${shift})` : "Times in UTC";
  };
  const switchZone = () => {
    remember("times", isLocal() ? "utc" : "local");
    nameZone();
    writeTimes(document);
  };
  zone.hidden = false;
  zone.addEventListener("click", switchZone);
  nameZone();
  writeTimes(document);

  // -- a page that is live: its part is asked for again, and only what differs is touched ---------------------------
  const keyOf = node => node.nodeType === 1 ? node.id : "";
  const isKept = (node, name) =>
    (name === "open" && node.tagName === "DETAILS") || (name === "class" && node.classList.contains("at"));
  const morphAttributes = (node, next) => {
    for (const {name} of [...node.attributes]) {
      if (!next.hasAttribute(name) && !isKept(node, name) && name !== "hidden") node.removeAttribute(name);
    }
    for (const {name, value} of [...next.attributes]) {
      if (isKept(node, name) || (name === "hidden" && node.tagName === "BUTTON")) continue;
      if (node.getAttribute(name) !== value) node.setAttribute(name, value);
    }
  };
  const isSame = (node, next) => node.nodeType === next.nodeType && node.nodeName === next.nodeName &&
    keyOf(node) === keyOf(next);
  const morphChildren = (node, next) => {
    const known = new Map([...node.children].filter(keyOf).map(child => [keyOf(child), child]));
    let at = node.firstChild;
    for (const wanted of [...next.childNodes]) {
      const key = keyOf(wanted);
      let found = at && isSame(at, wanted) ? at : key ? known.get(key) : null;
      if (found && !isSame(found, wanted)) found = null;
      if (!found) {
        found = document.importNode(wanted, true);
        node.insertBefore(found, at);
        for (const button of found.nodeType === 1 ? found.querySelectorAll("button.copy") : []) button.hidden = false;
        continue;
      }
      if (found === at) at = at.nextSibling; else node.insertBefore(found, at);
      morph(found, wanted);
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };
  const morph = (node, next) => {
    if (node.nodeType !== 1) {
      if (node.data !== next.data) node.data = next.data;
      return;
    }
    if (node.isEqualNode(next)) return;
    if (node.matches("[popover]:popover-open") || (node.contains(document.activeElement) && node.matches("input, textarea, select"))) return;
    morphAttributes(node, next);
    morphChildren(node, next);
  };

  const everyMs = live ? 1000 * Number(live.dataset.live) : 0;
  const SILENT_MS = 4000, GIVEN_UP_MS = 60000;
  let tag = "", timer = 0, isAsking = false;
  const liveSwitch = byId("live-switch"), isLive = liveSwitch.querySelector("input");
  const mark = word => { live.dataset.state = word; };
  const ask = () => {
    const headers = {"X-Live": "1", ...(tag ? {"If-None-Match": tag} : {})};
    const url = live.dataset.from || location.pathname + location.search;
    return fetch(url, {headers, cache: "no-store", signal: AbortSignal.timeout(GIVEN_UP_MS)});
  };
  const showAnew = async answer => {
    const next = new DOMParser().parseFromString(`<div id="live">${await answer.text()}</div>`, "text/html");
    writeTimes(next);
    morphChildren(live, next.getElementById("live"));
    tag = answer.headers.get("ETag") || "";
    mark("fresh");
  };
  const refresh = async () => {
    clearTimeout(timer);
    if (document.hidden || !isLive.checked || isAsking) return;
    isAsking = true;
    // A process that hangs takes the question and says nothing: the answer, if one comes, is still wanted.
    const silence = setTimeout(() => { lost.hidden = false; gone.hidden = true; }, SILENT_MS);
    try {
      const answer = await ask();
      if (answer.status === 404) {
        // What is shown is no more: the page is what a reload says, without its acts.
        if (live.dataset.from) location.replace(live.dataset.from); else location.reload();
        return;
      }
      if (answer.ok) await showAnew(answer);
      else if (answer.status !== 304) mark("refused");
      lost.hidden = true;
      gone.hidden = answer.status !== 503 && answer.status !== 504;
    } catch {
      lost.hidden = false;
      gone.hidden = true;
    } finally {
      clearTimeout(silence);
      isAsking = false;
    }
    timer = setTimeout(refresh, everyMs);
  };
  if (everyMs) {
    liveSwitch.hidden = false;
    isLive.checked = remembered("live") !== "no";
    isLive.addEventListener("change", () => {
      remember("live", isLive.checked ? "yes" : "no");
      refresh();
    });
    document.addEventListener("visibilitychange", refresh);
    timer = setTimeout(refresh, everyMs);
  }

  // -- forms: what is empty does not go into the address; choices are fetched when they are wanted ---------------
  for (const form of document.querySelectorAll("form[method=get]")) {
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
      setTimeout(() => { for (const field of form.elements) field.disabled = false; });
    });
  }
  const filters = document.querySelector("form[data-choices]");
  if (filters) {
    const fetchChoices = async () => {
      const answer = await fetch(filters.dataset.choices);
      if (!answer.ok) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const list of found.querySelectorAll("datalist")) byId(list.id).replaceWith(document.importNode(list, true));
    };
    filters.closest("details").addEventListener("toggle", fetchChoices, {once: true});
  }

  // -- copying ------------------------------------------------------------------------------------------------------
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;
  document.addEventListener("click", async event => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const url = button.dataset.raw || button.closest("[data-raw]")?.dataset.raw;
    const text = button.dataset.text ?? (url ? await (await fetch(url)).text() : "");
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  // -- keys ---------------------------------------------------------------------------------------------------------
  const keys = byId("keys"), keysButton = byId("keys-button");
  keysButton.hidden = false;
  keysButton.addEventListener("click", () => keys.showModal());
  const follow = link => { if (link) link.click(); };
  const step = by => {
    const rows = [...document.querySelectorAll(".rows tbody tr")];
    if (!rows.length) return;
    const at = rows.findIndex(row => row.classList.contains("at"));
    const next = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
    if (at >= 0) rows[at].classList.remove("at");
    next.classList.add("at");
    next.querySelector(".id a").focus({preventScroll: true});
    next.scrollIntoView({block: "nearest"});
  };
  const ON_KEY = {
    "/": () => document.querySelector("input[type=search]")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    n: () => follow(document.querySelector("a[rel=next]")),
    p: () => follow(document.querySelector("a[rel=prev]")),
    u: () => follow(document.querySelector("a[rel=up]")),
    t: switchZone,
    l: () => isLive.click(),
    "?": () => keys.showModal(),
  };
  document.addEventListener("keydown", event => {
    const isTyping = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const act = ON_KEY[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
