// What htmx does not do: themes, the stream of changes, copying, notices.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const each = (selector, act, from = document) => from.querySelectorAll(selector).forEach(act);

  // Light or dark: the server renders the next page with the theme in the cookie.
  function light(theme) {
    if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme;
    document.cookie = "theme=" + theme + "; Path=/; Max-Age=31536000; SameSite=Lax; Secure";
    each("[data-theme-choice]", (b) => b.setAttribute("aria-pressed", String(b.dataset.themeChoice === theme)));
  }

  // The stream tells what has changed at the controller; each part that shows it
  // requests itself again.
  function changed(topics) { for (const topic of topics.split(" ")) htmx.trigger(document.body, "changed-" + topic); }

  function listen() {
    if (!root.dataset.events) return;
    const lost = $("#lost");
    let source, wait = 1000, timer = 0, broken = false;
    const open = () => {
      source = new EventSource(root.dataset.events);
      source.addEventListener("ready", () => {
        wait = 1000;
        clearTimeout(timer);
        lost.hidden = true;
        if (broken) changed(root.dataset.topics);
        broken = false;
      });
      source.addEventListener("changed", (e) => changed(e.data));
      source.addEventListener("ended", () => {
        source.close();
        if (!begun?.isConnected) { location.reload(); return; }
        lost.hidden = true;
        $("#signed-out").hidden = false;
      });
      source.onerror = () => {
        broken = true;
        source.close();
        clearTimeout(timer);
        timer = setTimeout(() => { lost.hidden = false; }, 3000);
        setTimeout(open, wait);
        wait = Math.min(wait * 2, 20000);
      };
    };
    open();
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
  }

  // No part is replaced while a finger or a key is down in it: the click would be
  // lost. The part requests itself again after the click.
  function hold() {
    let pressed = null, missed = false, timer = 0;
    const down = (e) => {
      if (e.button > 0) return; // whose menu may hide that it goes up
      clearTimeout(timer);
      pressed = e.target;
    };
    const up = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        pressed = null;
        if (missed) changed(root.dataset.topics);
        missed = false;
      }, 50);
    };
    for (const type of ["pointerdown", "keydown"]) addEventListener(type, down, true);
    for (const type of ["pointerup", "pointercancel", "keyup"]) addEventListener(type, up, true);
    addEventListener("blur", up); // of the window
    document.addEventListener("htmx:beforeSwap", (e) => {
      const by = e.detail.requestConfig.triggeringEvent;
      if (!by?.type.startsWith("changed-") || !e.detail.target.contains(pressed)) return;
      e.detail.shouldSwap = false;
      missed = true;
    });
  }

  async function copy(button) {
    const from = document.getElementById(button.dataset.copy);
    const text = from.dataset.text || from.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(from);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      if (!document.execCommand("copy")) return;
    }
    const label = $("span", button), before = label.textContent;
    label.textContent = root.dataset.sayCopied;
    say(button.dataset.copied || root.dataset.sayCopied);
    setTimeout(() => { label.textContent = before; }, 2000);
  }

  // A passkey: the browser asks its owner for it, and the form takes what it answers.
  async function passkey(button) {
    const form = button.form, wrong = button.nextElementSibling, make = "make" in button.dataset;
    wrong.hidden = true;
    if (make && !form.reportValidity()) return;
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.passkey);
      if (!answer.ok || answer.redirected) { location.reload(); return; } // signed out, or no longer fresh
      const options = await answer.json();
      const made = make
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      form.elements.passkey.value = JSON.stringify(made);
    } catch (e) {
      wrong.textContent = e.name === "InvalidStateError" ? button.dataset.sayKnown : button.dataset.sayNone;
      wrong.hidden = false;
      return;
    } finally { button.disabled = false; }
    form.noValidate = true;
    form.requestSubmit();
  }

  // Announces a text to screen readers only.
  function say(text) {
    const to = $("#announce");
    if (to) to.textContent = text;
  }

  const step = [["second", 60], ["minute", 60], ["hour", 24], ["day", 7]];
  const words = new Intl.RelativeTimeFormat(root.lang, { numeric: "auto" });
  function ago(then) {
    let n = (then - Date.now()) / 1000;
    if (Math.abs(n) < 10) return root.dataset.sayJustNow;
    for (const [unit, of] of step) {
      if (Math.abs(n) < of || unit === "day") return words.format(Math.round(n), unit);
      n /= of;
    }
  }
  function times(from) { each("time[data-ago]", (t) => { t.textContent = ago(Date.parse(t.dateTime)); }, from); }

  // Marks the row of the list that the panel shows.
  function mark() {
    each(".row-link[href]", (a) => {
      const here = a.pathname === location.pathname;
      a.closest("tr").classList.toggle("here", here);
      if (here) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current");
    });
  }

  // After the session has ended, the browser itself sends a form again: the
  // sign-in page that answers it saves the form.
  let begun = null;
  document.addEventListener("input", (e) => { if (e.target.form?.elements.whose) begun = e.target.form; });
  document.addEventListener("htmx:beforeOnLoad", (e) => {
    const by = e.detail.elt;
    if (e.detail.xhr.status !== 401 || !begun?.isConnected || by.matches("a")) return;
    e.preventDefault();
    if (by === begun) by.submit(); else $("#signed-out").hidden = false;
  });

  // Details that are open stay open when their part is replaced.
  let unfolded = [];
  document.addEventListener("htmx:beforeSwap", (e) => {
    unfolded = [];
    each("details[id][open]", (d) => unfolded.push(d.id), e.detail.target);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of unfolded) { const part = document.getElementById(id); if (part) part.open = true; }
    unfolded = [];
  });

  // Keeps typed PINs and passwords in their fields: the server never sends them
  // back.
  let typed = {};
  document.addEventListener("htmx:beforeSwap", (e) => {
    typed = {};
    if (e.detail.xhr.status === 422) each("input[data-keep]", (i) => { typed[i.id] = i.value; });
  });

  // The first field of a form that is shown again with an error, or the first choice of several.
  function wrongField(from) {
    const first = $(":is([aria-invalid=true], .wrong[id])", from);
    return first?.matches(".wrong") ? $("input:not([type=hidden]), select, textarea", first.closest("fieldset, .field, form")) : first;
  }

  // Offers this browser's time zone; where nobody has chosen one, it stands in the field already.
  function browserZone(offer) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone, input = offer.closest("form").elements.zone;
    if (!offer.hidden || !zone || zone === input.defaultValue) return;
    offer.hidden = false;
    $("b", offer).textContent = zone;
    $("button", offer).onclick = () => { input.value = zone; input.focus(); };
    if (offer.dataset.browserZone !== "fill" || input.matches("[aria-invalid]")) return;
    input.value = zone;
    $("b", offer).textContent = offer.dataset.sayFilled;
    $("button", offer).hidden = true;
  }

  function settle(from) {
    times(from);
    each("[data-print], [data-copy]", (b) => { b.hidden = false; }, from); // without a script they would do nothing
    each("[data-passkeys]", (p) => { p.hidden = p.dataset.passkeys !== location.origin || !window.PublicKeyCredential?.parseRequestOptionsFromJSON; }, from);
    each("[data-browser-zone]", browserZone, from);
    each(".toast", (t) => { if (!t.dataset.timed) { t.dataset.timed = "1"; setTimeout(() => t.remove(), $("form", t) ? 60000 : 8000); } });
  }

  document.addEventListener("click", (e) => {
    const button = e.target.closest("button");
    if (!button) return;
    if (button.dataset.themeChoice) light(button.dataset.themeChoice);
    if (button.dataset.copy) copy(button);
    if ("print" in button.dataset) print();
    if (button.dataset.passkey) passkey(button);
    if (button.name === "copy") { e.preventDefault(); copyDay(button); }
    if ("dismiss" in button.dataset) button.closest(".toast").remove();
  });

  // Escape closes the panel, a slash focuses the search.
  document.addEventListener("keydown", (e) => {
    const typing = e.target.closest("input, textarea, select");
    if (e.key === "Escape" && !typing) $(".panel .close")?.click();
    if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey) {
      const search = $("input[type=search]");
      if (search) { e.preventDefault(); search.focus(); }
    }
  });

  // Says of hours that go over midnight when they end, as they are typed.
  function overnight(input) {
    const [, begin, end] = /(\d{1,2}(?::\d\d)?)\s*[-–]\s*(\d{1,2}(?::\d\d)?)\s*$/.exec(input.value) || [];
    const minute = (text) => { const [h, m] = text.split(":"); return h * 60 + Number(m || 0); };
    const over = end && minute(end) > 0 && minute(end) < minute(begin);
    const hint = document.getElementById("o-" + input.name);
    hint.hidden = !over;
    const clock = (text) => String(Math.floor(minute(text) / 60)).padStart(2, "0") + ":" + String(minute(text) % 60).padStart(2, "0");
    hint.textContent = over ? input.dataset.sayOvernight.replace("{from}", clock(begin)).replace("{to}", clock(end)) : "";
  }
  document.addEventListener("input", (e) => { if (e.target.dataset.sayOvernight) overnight(e.target); });

  // Copies a day's hours to other days at once; without a script the server does it.
  function copyDay(button) {
    const fields = button.form.elements, from = fields["copy-from"], onto = fields["copy-onto"].selectedOptions[0];
    for (const day of onto.dataset.days.split(" ")) {
      const input = fields[day];
      input.value = fields[from.value].value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    say(onto.dataset.sayDone.replace("{day}", from.selectedOptions[0].textContent));
  }

  // What was wrong with a field is said until the field is changed.
  document.addEventListener("input", (e) => {
    const box = e.target.closest("fieldset[aria-describedby]");
    for (const part of box ? [e.target, box] : [e.target]) {
      const [wrong, others] = (part.getAttribute("aria-describedby") || "").split(" ").reduce(([w, o], id) => id.startsWith("w-") ? [id, o] : [w, o + " " + id], ["", ""]);
      if (!wrong) continue;
      document.getElementById(wrong)?.remove();
      if (others.trim()) part.setAttribute("aria-describedby", others.trim()); else part.removeAttribute("aria-describedby");
      part.removeAttribute("aria-invalid");
      if (part === box) each("[aria-invalid]", (i) => i.removeAttribute("aria-invalid"), box);
    }
  });

  // Choices of a form that show or hide its parts.
  document.addEventListener("change", (e) => {
    const name = e.target.name;
    each("[data-when]", (part) => {
      const [field, value] = part.dataset.when.split("=");
      if (field === name && part.closest("form") === e.target.form) part.hidden = e.target.value !== value;
    });
    if (e.target.dataset.submit !== undefined) e.target.form.requestSubmit();
  });

  document.addEventListener("htmx:afterSwap", (e) => {
    settle(document);
    for (const id in typed) { const input = document.getElementById(id); if (input) input.value = typed[id]; }
    typed = {};
  });
  // From now on scripts handle links and forms in the new content.
  document.addEventListener("htmx:afterSettle", (e) => {
    mark();
    if (e.target.id !== "panel") return;
    const panel = e.target, wrong = wrongField(panel);
    (wrong || $("form [data-focus], section [data-focus], .question [data-focus]", panel) || $("[data-focus]", panel) || $(".row-link[aria-current]"))?.focus();
    if (matchMedia("(max-width: 860px)").matches) scrollTo(0, 0);
  });
  document.addEventListener("htmx:pushedIntoHistory", mark);
  document.addEventListener("htmx:afterSettle", () => {
    const newest = $("#event-list [data-newest]");
    if (newest && newest.dataset.newest !== root.dataset.heard) {
      say(newest.textContent.trim().replace(/\s+/g, " "));
      root.dataset.heard = newest.dataset.newest;
    }
  });
  // What a page follows is announced as it changes.
  const state = () => $("[data-say]")?.dataset.say || "";
  let said = state();
  document.addEventListener("htmx:afterSettle", () => {
    const now = state();
    if (now && now !== said) say(now);
    said = now;
  });
  document.addEventListener("htmx:sendError", () => { $("#lost").hidden = false; });
  // While the database is away, the parts stay as they are, and ask again until it is back.
  let again = 0;
  document.addEventListener("htmx:afterOnLoad", (e) => {
    const away = e.detail.xhr.status === 503, lost = $("#lost");
    if (lost) lost.hidden = !away;
    if (!away) return;
    clearTimeout(again);
    again = setTimeout(() => changed(root.dataset.topics), 5000);
  });

  $("main :is([aria-invalid=true], .wrong[id], form > .banner[role=alert], .question, #ask)")?.scrollIntoView({ block: "nearest" });
  if ($("main")) wrongField($("main"))?.focus();
  root.dataset.heard = $("#event-list [data-newest]")?.dataset.newest || "";
  settle(document);
  setInterval(() => times(document), 20000);
  hold();
  listen();
})();
