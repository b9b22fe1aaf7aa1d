// What a page does by itself: its age ticks, it refreshes when a run publishes, numbers are in the reader's language.
const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const body = document.body;
// How far this machine's clock is from the source's.
let ahead = Date.now() - Date.parse(body.dataset.now);
let asOf = Date.parse($("#as-of")?.dateTime ?? "");

const age = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]])
    if (whole >= 2 * size) return `${Math.floor(whole / size)} ${unit}`;
  return `${whole} s`;
};

function tick() {
  const now = Date.now() - ahead;
  const seconds = (now - asOf) / 1000;
  if (Number.isNaN(seconds)) return;
  const fresh = $("#fresh");
  $("#age").textContent = `${age(seconds)} ago`;
  const beyond = (limit) => limit !== "" && seconds > Number(limit);
  fresh.className = `fresh ${beyond(fresh.dataset.fail) ? "fail" : beyond(fresh.dataset.warn) ? "warn" : ""}`;
  for (const one of all("[data-age]")) one.textContent = age(seconds);
  for (const one of all("[data-since]")) one.textContent = age((now - Math.max(Date.parse(one.dataset.since), one.dataset.left ? 0 : asOf)) / 1000);
}

// Digits as they are, grouped as the reader's language groups them: nothing goes through a double.
function localise(root) {
  for (const one of all("[data-n]", root)) {
    const digits = (one.dataset.n.split(".")[1] ?? "").length;
    try {
      one.textContent = new Intl.NumberFormat(undefined, {minimumFractionDigits: digits, maximumFractionDigits: digits}).format(one.dataset.n);
    } catch { /* as the server wrote it */ }
  }
}

// What is marked as live is taken out of the same page, asked for again. The rest stays: the scroll, a form half filled in.
let busy = false, again = false, shown = body.dataset.version;
async function refresh(version) {
  if (document.hidden || busy) { again = version; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, {headers: {accept: "text/html"}});
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of all("[data-live]")) {
        const fresh = $(`[data-live="${old.dataset.live}"]`, page);
        if (fresh) await replace(old, document.importNode(fresh, true));
      }
      shown = version;
    }
  } catch { again = version; }
  busy = false;
  if (again && again !== shown) { const next = again; again = false; setTimeout(refresh, 500, next); }
}

async function replace(old, fresh) {
  localise(fresh);
  const before = all(".table", old).map((one) => [one.scrollLeft, one.scrollTop]);
  const focus = old.contains(document.activeElement) ? all("a, [tabindex]", old).indexOf(document.activeElement) : -1;
  const height = old.offsetHeight;
  // A picture that is still on its way would make the page shorter for a moment.
  const picture = $("picture img", fresh), known = $("picture img", old);
  if (picture && known) { picture.width = known.clientWidth; picture.height = known.clientHeight; }
  const top = scrollY;
  old.replaceWith(fresh);
  all(".table", fresh).forEach((one, place) => { [one.scrollLeft, one.scrollTop] = before[place] ?? [0, 0]; });
  if (focus >= 0) all("a, [tabindex]", fresh)[focus]?.focus({preventScroll: true});
  if (fresh.offsetHeight !== height || scrollY !== top) scrollTo(scrollX, top);
  if (picture) picture.addEventListener("load", () => { picture.removeAttribute("width"); picture.removeAttribute("height"); }, {once: true});
  tick();
}

function listen() {
  const events = new EventSource("/events");
  const heard = (event) => {
    const said = JSON.parse(event.data);
    if (said.as_of) {
      asOf = Date.parse(said.as_of);
      if ($("#as-of")) { $("#as-of").dateTime = said.as_of; $("#as-of").textContent = new Date(asOf).toISOString().slice(0, 19).replace("T", " ") + " UTC"; }
      else location.reload();
    }
    tick();
    if (said.version && said.version !== shown) refresh(said.version);
  };
  for (const kind of ["now", "checked", "published"]) events.addEventListener(kind, heard);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && again) { const next = again; again = false; refresh(next); } });

// The list of reports, as one types.
function search() {
  const field = $("#search");
  if (!field) return;
  field.form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of all("#reports li")) {
      const fits = words.every((word) => one.dataset.text.toLowerCase().includes(word));
      one.classList.toggle("hidden", !fits);
      count += fits;
    }
    $("#hits").textContent = words.length ? `${count} found` : "";
    $("#none").classList.toggle("hidden", count > 0);
  });
}

// The editor: Ctrl+Enter, names, and a history that stays in this browser.
function editor() {
  const text = $("#q"), list = $("#names");
  if (!text) return;
  const names = [...new Set(all("[data-name]").map((one) => one.dataset.name))];
  let found = [], place = 0;
  const word = () => text.value.slice(0, text.selectionStart).match(/[\w.]{2,}$/)?.[0] ?? "";
  const close = () => { found = []; list.classList.add("hidden"); text.removeAttribute("aria-activedescendant"); };
  const take = (name) => {
    const end = text.selectionStart, start = end - word().length;
    const quoted = /^[a-z_][a-z0-9_.]*$/.test(name) ? name : name.split(".").map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
    text.setRangeText(name.includes('"') ? name : quoted, start, end, "end");
    close();
    text.focus();
  };
  const draw = () => {
    list.replaceChildren(...found.map((name, number) => {
      const item = document.createElement("li");
      Object.assign(item, {id: `name-${number}`, role: "option", textContent: name});
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(number === place));
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(name); });
      return item;
    }));
    list.classList.toggle("hidden", !found.length);
    if (found.length) { text.setAttribute("aria-activedescendant", `name-${place}`); list.children[place].scrollIntoView({block: "nearest"}); }
  };
  text.addEventListener("input", () => {
    const begun = word().toLowerCase();
    place = 0;
    found = begun ? names.filter((name) => name.toLowerCase() !== begun && (name.toLowerCase().startsWith(begun) || name.toLowerCase().split(".").pop().startsWith(begun))).slice(0, 8) : [];
    found.length ? draw() : close();
  });
  text.addEventListener("blur", close);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); text.form.requestSubmit(); }
    else if (!found.length) return;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); place = (place + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length; draw(); }
    else if (event.key === "Enter") { event.preventDefault(); take(found[place]); }
    else if (event.key === "Escape") { event.preventDefault(); close(); }
  });
  remember(text);
}

function remember(text) {
  const key = "neaptide queries", part = $("#history");
  let kept = [];
  try { kept = JSON.parse(localStorage.getItem(key) ?? "[]").filter((one) => typeof one === "string"); } catch { /* none */ }
  const said = text.value.trim();
  text.form.addEventListener("submit", () => {
    const now = text.value.trim();
    if (now) try { localStorage.setItem(key, JSON.stringify([now, ...kept.filter((one) => one !== now)].slice(0, 50))); } catch { /* no room */ }
  });
  kept = kept.filter((one) => one !== said);
  part.classList.toggle("hidden", !kept.length);
  $("ol", part).replaceChildren(...kept.map((one) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = `/sql?q=${encodeURIComponent(one)}`;
    link.textContent = one.length > 120 ? `${one.slice(0, 119)}…` : one;
    item.append(link);
    return item;
  }));
}

localise(document);
tick();
setInterval(tick, 1000);
listen();
search();
editor();
