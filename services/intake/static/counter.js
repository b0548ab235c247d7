// The counter's screen from the keyboard: Enter goes to the next field, Ctrl+Enter saves and begins
// the next request. Residents are looked up by POST, so that nothing of them is in an address.
"use strict";
(function () {
  var form = document.querySelector("form[data-counter]");
  if (!form) return;
  var q = form.elements.q, category = form.elements.category, chosen = form.querySelector("[data-chosen]");
  var number = form.querySelector("input[type=hidden][name=resident_no]"), code = form.elements.category_code;
  var stranger = form.querySelector("[data-stranger]"), isEnglish = document.documentElement.lang === "en";
  var FOUND_MAX = 8, WAIT_MS = 150;
  var kinds = fetch("/counter/kinds.json", {credentials: "same-origin", headers: {Accept: "application/json"}})
    .then(function (answer) { return answer.ok ? answer.json() : {kinds: []}; })
    .then(function (told) { return told.kinds; }).catch(function () { return []; });

  function token() { return document.querySelector("meta[name=csrf-token]").content; }

  async function residents(typed) {
    if (!typed.trim()) return [];
    try {
      var answer = await fetch("/counter/find", {
        method: "POST", credentials: "same-origin", body: JSON.stringify({typed: typed}),
        headers: {"Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token()}
      });
      return answer.ok ? (await answer.json()).residents : [];
    } catch (_error) { return []; }
  }

  // The same order as rules/kinds.py has it.
  async function fitting(typed) {
    var asked = typed.trim().toLowerCase();
    if (!asked) return [];
    function rank(one) {
      var own = one.code.toLowerCase(), name = one.zh.toLowerCase();
      function begins(word) { return word.startsWith(asked); }
      var fits = [own === asked || name === asked, one.letters[0] === asked, one.letters.includes(asked),
                  begins(own) || begins(name), one.letters.some(begins),
                  name.includes(asked) || one.name.toLowerCase().includes(asked)];
      return fits.indexOf(true);
    }
    return (await kinds).map(function (one, place) { return [rank(one), place, one]; })
      .filter(function (each) { return each[0] >= 0; })
      .sort(function (a, b) { return a[0] - b[0] || a[1] - b[1]; })
      .slice(0, FOUND_MAX).map(function (each) { return each[2]; });
  }

  // A field with a list of choices below it; Enter takes the one that is marked.
  function combo(field, look, write, take) {
    var list = document.createElement("ul"), found = [], marked = 0, asked = null, pending = null, timer;
    list.className = "choices";
    list.id = field.id + "-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", document.querySelector("label[for=" + field.id + "]").textContent.trim());
    field.after(list);
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-expanded", "false");

    function show() {
      list.replaceChildren.apply(list, found.map(function (one, i) {
        var item = document.createElement("li");
        item.id = list.id + "-" + i;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", String(i === marked));
        item.textContent = write(one);
        item.addEventListener("mousedown", function (event) { event.preventDefault(); choose(one); });
        return item;
      }));
      field.setAttribute("aria-expanded", String(found.length > 0));
      if (found.length) field.setAttribute("aria-activedescendant", list.id + "-" + marked);
      else field.removeAttribute("aria-activedescendant");
    }
    function close() { found = []; show(); }
    function choose(one) { close(); asked = field.value; take(one); asked = field.value; }
    function search() {
      window.clearTimeout(timer);
      var typed = field.value;
      if (typed === asked) return pending || Promise.resolve();
      asked = typed;
      pending = look(typed).then(function (now) {
        if (typed !== field.value) return;
        found = now;
        marked = 0;
        if (document.activeElement === field) show();
      });
      return pending;
    }
    field.addEventListener("input", function () {
      take(null);
      window.clearTimeout(timer);
      timer = window.setTimeout(search, WAIT_MS);
    });
    field.addEventListener("blur", close);
    field.addEventListener("keydown", function (event) {
      if (event.key === "Escape") close();
      if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || !found.length) return;
      event.preventDefault();
      marked = (marked + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      show();
    });
    // Resolves once what was typed is settled: the marked one is taken, if there is any.
    return async function settle() {
      if (!field.value.trim() || field.dataset.settled === field.value) return;
      await search();
      if (found.length) choose(found[marked]);
      field.dataset.settled = field.value;
    };
  }

  function words(one) {
    return [one.name, one.resident_no, one.door, one.phone, one.grid_name].filter(Boolean).join(" ");
  }
  var settleResident = combo(q, residents, words, function (one) {
    number.value = one ? one.resident_no : "";
    chosen.textContent = one ? words(one) : "";
    stranger.hidden = Boolean(one);
    if (!one) return;
    q.value = one.resident_no;
    if (!form.elements.grid_code.value) form.elements.grid_code.value = one.grid_code;
    if (!form.elements.address.value && one.door) form.elements.address.value = one.door;
  });
  var settleKind = combo(category, fitting, function (one) { return one.code + " " + one.name; }, function (one) {
    code.value = one ? one.code : "";
    if (one) category.value = one.code + " " + one.name;
  });

  function fields() {
    return Array.from(form.querySelectorAll("input:not([type=hidden]), select, textarea, button"))
      .filter(function (each) { return each.offsetParent !== null && !each.disabled; });
  }
  async function onward(field) {
    if (field === q) await settleResident();
    if (field === category) await settleKind();
    if (document.activeElement !== field) return;
    if (field === q && q.value.trim() && !number.value) {
      chosen.textContent = isEnglish ? "Not in the register: give name and phone" : "名册里没有，请填姓名和电话";
    }
    var all = fields(), next = all[all.indexOf(field) + 1];
    if (field === q && !q.value.trim()) next = form.elements.name;
    if (next) next.focus();
  }
  async function save() {
    await settleResident();
    await settleKind();
    // What is in the search field and found nobody is no resident: the server is not to ask again.
    if (!number.value) q.value = "";
    form.requestSubmit(form.querySelector("button[value=next]"));
  }
  var isSaving = false;
  form.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      if (!isSaving) { isSaving = true; save(); }
    } else if (event.target.tagName !== "BUTTON" && !event.shiftKey) {
      event.preventDefault();
      onward(event.target);
    }
  });
  form.addEventListener("submit", function () {
    isSaving = true;
    if (!number.value) return;
    q.disabled = true; // settled: only the number is sent
  });
  window.addEventListener("pageshow", function (event) { if (event.persisted) window.location.reload(); });
})();
