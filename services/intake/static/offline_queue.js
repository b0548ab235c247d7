// Keeps what people enter on this device until the server has it. Nothing is lost when the network
// is away, the tab dies or the session ends; nothing is sent twice, because each entry has an id of
// its own (`client_id`) by which the server knows it again. Generic: a page names its queue, its
// address and its owner, and needs no script of its own for plain forms.
//
// How to use it
//   Page:  <section data-offline-queue="tea-stall" data-endpoint="/tea-stall/entries"
//                   data-owner="{{ current_account().account_no }}" data-scope="/tea-stall">
//            <strong data-offline-count></strong> <span data-offline-state role="status"></span>
//            <button type="button" data-offline-send hidden>…</button>
//            <a href="/sign-in?next=…" data-offline-sign-in hidden>…</a>
//            <ul data-offline-list></ul> <p data-offline-held></p>
//          </section>
//          <script src="{{ intake_asset('offline_queue.js') }}" defer></script>
//   Form:  <form method="post" action="…" data-offline-form="tea-stall" data-draft="new"
//                data-label="title" data-after="/tea-stall">. Without scripts it is a plain POST. With them its
//          fields (but csrf_token and files) become the entry's body; a field that occurs more
//          than once, or is marked data-many, becomes a list. Half-typed forms are kept as
//          drafts under `data-draft`. `data-label` names the field that tells entries apart;
//          `data-after` is the page to go on to once the entry is kept. A page opened with
//          #entry=<client_id> fills the form with that entry and shows where the page differs:
//          sent again, it replaces the entry that was refused. data-once: there is one entry
//          a `data-draft`; opening the form again opens the entry that still waits.
//   Server: POST endpoint, JSON {"entries": [{"client_id": …, "body": {…}}, …]}, at most 20 and
//          512 KiB at once; it answers {"verdicts": [{"client_id", "verdict", "zh", "en", "path"}]} with
//          verdict accepted | duplicate (both: it has it), conflict or refused (a person must look:
//          the entry stays here with the reason; `path` may lead to where it is mended).
//   Script: LinliOffline.queue("tea-stall") gives put(body, clientId), entries(), entry(clientId),
//          remove(clientId), send(), draft(key), keepDraft(key, fields), dropDraft(key); events
//          "offline:kept" on the form and "offline:changed" on document tell what happened.
//   With data-scope, offline_worker.js keeps this page, its files and every link marked
//          data-offline-hold readable without network (needs https or localhost).
"use strict";
(function () {
  var DATABASE = "linli-offline", VERSION = 1, BATCH = 20, BATCH_CHARACTERS = 400000;
  var AGAIN_MS = 15000, AGAIN_MAX_MS = 300000;
  var IS_ENGLISH = document.documentElement.lang === "en";
  var WORDS = {
    saved: ["已保存在本机，待发送", "Kept on this device, not sent yet"],
    none: ["全部已发送", "Everything is sent"],
    offline: ["没有网络，联网后自动发送", "No network: it is sent when there is one"],
    sending: ["正在发送", "Sending"],
    later: ["暂时发不出去，稍后自动再试", "It cannot be sent now and is tried again"],
    "sign-in": ["登录已过期，请登录后继续发送", "Your session has ended: sign in to go on sending"],
    look: ["有记录须人工处理", "Some entries need a person"],
    waiting: ["待发送", "Not sent"],
    conflict: ["有冲突", "Conflict"],
    refused: ["未接受", "Refused"],
    open: ["打开", "Open"],
    discard: ["放弃这条", "Discard this"],
    sure: ["确定放弃？再点一次", "Discard it for good? Press again"],
    full: ["本机无法保存，请不要关闭页面", "This device cannot keep it: do not close the page"],
    mend: ["这是您填写的内容，与登记不同之处已标出", "This is what you entered; where the register differs is shown"],
    now: ["目前登记：", "In the register now: "],
    restored: ["已恢复上次没有填完的内容", "What you had not finished is back"],
    held: ["已可离线使用", "Ready for use without network"]
  };
  var queues = {};

  function t(name) { return WORDS[name][IS_ENGLISH ? 1 : 0]; }

  function newId() {
    if (window.crypto.randomUUID) return window.crypto.randomUUID();
    // Plain http has no randomUUID; the random bits are as good.
    var bytes = window.crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    var hex = Array.from(bytes, function (b) { return (b + 256).toString(16).slice(1); }).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  // The store: one database for all queues; entries and drafts each know their queue and owner.
  var opened;
  function database() {
    opened = opened || new Promise(function (resolve, reject) {
      var asked = window.indexedDB.open(DATABASE, VERSION);
      asked.onupgradeneeded = function () {
        asked.result.createObjectStore("entries", {keyPath: "client_id"});
        asked.result.createObjectStore("drafts", {keyPath: "key"});
      };
      asked.onsuccess = function () { resolve(asked.result); };
      asked.onerror = function () { opened = null; reject(asked.error); };
    });
    return opened;
  }

  // The browser may close the store under us, as when it clears up after another tab: it is opened
  // anew and asked once more, which is safe because all work is by key.
  async function within(store, mode, work) {
    try {
      return await attempt(store, mode, work);
    } catch (problem) {
      if (problem && problem.name === "QuotaExceededError") throw problem;
      opened = null;
      return attempt(store, mode, work);
    }
  }

  async function attempt(store, mode, work) {
    var db = await database();
    return new Promise(function (resolve, reject) {
      var transaction = db.transaction(store, mode, {durability: "strict"}), answer = {};
      transaction.oncomplete = function () { resolve(answer.result); };
      transaction.onabort = transaction.onerror = function () { reject(transaction.error); };
      var asked = work(transaction.objectStore(store));
      asked.onsuccess = function () { answer.result = asked.result; };
    });
  }

  function Queue(name, owner, endpoint) {
    this.name = name;
    this.owner = owner;
    this.endpoint = endpoint;
    this.state = "";
    this.wait = AGAIN_MS;
  }

  // Oldest first. Entries of somebody else who used this device are theirs to send.
  Queue.prototype.entries = async function () {
    var all = await within("entries", "readonly", function (store) { return store.getAll(); });
    var queue = this;
    return all.filter(function (one) { return one.queue === queue.name && one.owner === queue.owner; })
      .sort(function (a, b) { return a.made_at - b.made_at; });
  };

  Queue.prototype.entry = async function (clientId) {
    return within("entries", "readonly", function (store) { return store.get(clientId); });
  };

  // Resolves with the id once it is on disk. `more`: label, key (what it is about) and `replaces`,
  // the id of an entry that this one takes the place of. That one may be on its way: so the new
  // entry has an id of its own, and the server says if it came too late.
  Queue.prototype.put = async function (body, clientId, more) {
    more = more || {};
    var one = {client_id: clientId || newId(), queue: this.name, owner: this.owner, body: body,
               key: more.key || "", label: more.label || "", state: "waiting", made_at: Date.now()};
    await within("entries", "readwrite", function (store) {
      if (more.replaces) store.delete(more.replaces);
      return store.put(one);
    });
    await this.changed();
    return one.client_id;
  };

  Queue.prototype.remove = async function (clientId) {
    await within("entries", "readwrite", function (store) { return store.delete(clientId); });
    await this.changed();
  };

  Queue.prototype.place = function (key) { return [this.name, this.owner, key].join("|"); };
  Queue.prototype.draft = async function (key) {
    var place = this.place(key);
    var held = await within("drafts", "readonly", function (store) { return store.get(place); });
    return held && held.fields;
  };
  Queue.prototype.keepDraft = function (key, fields) {
    var held = {key: this.place(key), fields: fields, at: Date.now()};
    return within("drafts", "readwrite", function (store) { return store.put(held); });
  };
  Queue.prototype.dropDraft = function (key) {
    var place = this.place(key);
    return within("drafts", "readwrite", function (store) { return store.delete(place); });
  };

  // One tab sends at a time where the browser can say so; two at once would only make duplicates.
  Queue.prototype.send = function () {
    var queue = this;
    function work() { return queue.sendAll(); }
    if (!queue.running) {
      var lock = "linli-offline-" + queue.name;
      queue.running = (navigator.locks ? navigator.locks.request(lock, work) : work())
        .catch(function () { queue.state = "later"; })
        .then(function () { queue.running = null; return queue.changed(); })
        .then(function () { queue.plan(); });
    }
    return queue.running;
  };

  Queue.prototype.sendAll = async function () {
    for (;;) {
      var waiting = (await this.entries()).filter(function (one) { return one.state === "waiting"; });
      if (!waiting.length) { this.state = ""; this.wait = AGAIN_MS; return; }
      this.state = "sending";
      await this.changed();
      this.state = await this.sendSome(batchOf(waiting));
      if (this.state) return;
    }
  };

  function batchOf(waiting) {
    var size = 0, batch = [];
    waiting.slice(0, BATCH).every(function (one) {
      size += JSON.stringify(one.body).length;
      if (batch.length && size > BATCH_CHARACTERS) return false;
      return batch.push(one);
    });
    return batch;
  }

  // "" when the server judged them all; else why not: offline, later or sign-in.
  Queue.prototype.sendSome = async function (batch) {
    var answer = await post(this.endpoint, batch);
    if (answer && (answer.status === 401 || answer.status === 403)) {
      // After hours without network the token of the page is too old, or the session is over.
      if (!(await freshToken())) return "sign-in";
      answer = await post(this.endpoint, batch);
      if (answer && (answer.status === 401 || answer.status === 403)) return "sign-in";
    }
    if (!answer) return "offline";
    if (!answer.ok) return "later";
    var verdicts;
    try { verdicts = (await answer.json()).verdicts; } catch (_error) { return "later"; }
    var judged = 0;
    for (var i = 0; i < batch.length; i++) {
      judged += await this.settle(batch[i], verdicts);
    }
    return judged === batch.length ? "" : "later";
  };

  Queue.prototype.settle = async function (one, verdicts) {
    var told = verdicts.find(function (each) { return each.client_id === one.client_id; });
    if (!told) return 0;
    if (!(await this.entry(one.client_id))) return 1; // replaced while it was on its way
    await within("entries", "readwrite", function (store) {
      if (told.verdict === "accepted" || told.verdict === "duplicate") return store.delete(one.client_id);
      one.state = told.verdict === "conflict" ? "conflict" : "refused";
      one.told = {zh: told.zh || "", en: told.en || "", path: told.path || ""};
      return store.put(one);
    });
    document.dispatchEvent(new CustomEvent("offline:judged", {detail: {queue: this.name, verdict: told}}));
    return 1;
  };

  Queue.prototype.plan = function () {
    var queue = this;
    window.clearTimeout(queue.timer);
    if (queue.state !== "later" && queue.state !== "offline") return;
    queue.timer = window.setTimeout(function () { queue.send(); }, queue.wait);
    queue.wait = Math.min(queue.wait * 2, AGAIN_MAX_MS);
  };

  Queue.prototype.changed = async function () {
    var entries = await this.entries();
    document.dispatchEvent(new CustomEvent("offline:changed", {
      detail: {queue: this.name, entries: entries, state: this.state}
    }));
    return entries;
  };

  function token() {
    var meta = document.querySelector("meta[name=csrf-token]");
    return meta ? meta.content : "";
  }

  async function post(endpoint, batch) {
    var body = {entries: batch.map(function (one) { return {client_id: one.client_id, body: one.body}; })};
    try {
      return await window.fetch(endpoint, {
        method: "POST", credentials: "same-origin", redirect: "manual", body: JSON.stringify(body),
        headers: {"Content-Type": "application/json", "Accept": "application/json", "X-CSRF-Token": token()}
      });
    } catch (_error) { return null; }
  }

  async function freshToken() {
    try {
      var answer = await window.fetch(window.location.href, {
        credentials: "same-origin", cache: "reload", headers: {"Accept": "text/html", "X-Offline": "never"}
      });
      if (!answer.ok || new URL(answer.url).pathname !== window.location.pathname) return false;
      var page = new DOMParser().parseFromString(await answer.text(), "text/html");
      var meta = page.querySelector("meta[name=csrf-token]"), own = document.querySelector("meta[name=csrf-token]");
      // Somebody else may have signed in meanwhile: what this page holds is not theirs to send.
      var theirs = page.querySelector("[data-offline-queue]"), ours = document.querySelector("[data-offline-queue]");
      if (!meta || !own || !theirs || theirs.dataset.owner !== ours.dataset.owner) return false;
      own.content = meta.content;
      document.querySelectorAll("input[name=csrf_token]").forEach(function (field) { field.value = meta.content; });
      return true;
    } catch (_error) { return false; }
  }

  // What the page shows: how many are not sent, why, and the ones that need a person.
  function show(section, queue, entries) {
    var number = section.querySelector("[data-offline-count]"), state = section.querySelector("[data-offline-state]");
    var send = section.querySelector("[data-offline-send]"), list = section.querySelector("[data-offline-list]");
    var stuck = entries.filter(function (one) { return one.state !== "waiting"; });
    var waiting = entries.length - stuck.length;
    if (number) number.textContent = String(entries.length);
    section.dataset.unsent = String(entries.length);
    var why = entries.length ? (queue.state || (waiting ? "saved" : "look")) : "none";
    if (state && state.textContent !== t(why)) state.textContent = t(why);
    if (send) send.hidden = !waiting || queue.state === "sending";
    var link = section.querySelector("[data-offline-sign-in]");
    if (link) link.hidden = why !== "sign-in";
    if (list) list.replaceChildren.apply(list, entries.map(function (one) { return row(queue, one); }));
  }

  function row(queue, one) {
    var item = document.createElement("li"), label = document.createElement("strong");
    label.textContent = one.label || one.client_id.slice(0, 8);
    item.dataset.clientId = one.client_id;
    item.dataset.state = one.state;
    item.append(label, " " + t(one.state));
    if (one.state === "waiting") return item;
    var why = document.createElement("p");
    why.textContent = IS_ENGLISH ? one.told.en : one.told.zh;
    item.append(why);
    // Only a path of this site, whatever was answered.
    if (/^\/[^/\\]/.test(one.told.path)) {
      var link = document.createElement("a");
      link.className = "button quiet";
      link.href = one.told.path;
      link.textContent = t("open");
      item.append(link, " ");
    }
    item.append(discard(queue, one));
    return item;
  }

  function discard(queue, one) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet";
    button.textContent = t("discard");
    button.addEventListener("click", function () {
      if (button.dataset.sure) queue.remove(one.client_id);
      button.dataset.sure = "1";
      button.textContent = t("sure");
    });
    return button;
  }

  // Forms: kept as drafts while they are typed, as entries when they are sent.
  function fieldsOf(form) {
    var fields = {};
    new FormData(form).forEach(function (value, name) {
      if (name === "csrf_token" || name === "client_id" || typeof value !== "string") return;
      if (name in fields) fields[name] = [].concat(fields[name], value);
      else fields[name] = form.querySelector('[name="' + CSS.escape(name) + '"][data-many]') ? [value] : value;
    });
    return fields;
  }

  function fill(form, fields) {
    Object.keys(fields).forEach(function (name) {
      var places = form.querySelectorAll('[name="' + CSS.escape(name) + '"]');
      var values = [].concat(fields[name]);
      places.forEach(function (place, i) {
        if (place.type === "checkbox" || place.type === "radio") place.checked = values.includes(place.value);
        else if (place.type !== "hidden" && place.type !== "file" && i < values.length) place.value = values[i];
      });
    });
  }

  function busyWith(form, queue) {
    var key = form.dataset.draft, pending;
    async function keep() {
      window.clearTimeout(pending);
      if (key && !form.dataset.sent) {
        try { await queue.keepDraft(key, fieldsOf(form)); } catch (_error) { tell(form, "full"); }
      }
    }
    form.addEventListener("input", function () {
      window.clearTimeout(pending);
      pending = window.setTimeout(keep, 200);
    });
    document.addEventListener("visibilitychange", function () { if (document.hidden && pending) keep(); });
    form.addEventListener("submit", async function (event) {
      event.preventDefault();
      if (form.dataset.sent) return;
      form.dataset.sent = "1";
      window.clearTimeout(pending);
      await submit(form, queue, key);
    });
    comeBack(form, queue, key).catch(function () { /* An empty form, as without scripts. */ });
  }

  // What was not finished, or what the server did not take, is there again: typed once.
  async function comeBack(form, queue, key) {
    var asked = /^#entry=([0-9A-Za-z-]+)$/.exec(window.location.hash);
    var entry = (await queue.entries()).find(function (one) {
      return asked ? one.client_id === asked[1] : one.key && one.key === key && "once" in form.dataset;
    });
    var fields = key ? await queue.draft(key) : null, own = form.elements.namedItem("client_id");
    if (entry) form.dataset.replaces = entry.client_id;
    if (own) own.value = newId(); // a kept page brings the same id each time
    if (!fields && entry) fields = entry.body;
    if (!fields) return;
    var before = fieldsOf(form);
    fill(form, fields);
    if (entry) differ(form, before);
    form.dispatchEvent(new CustomEvent("offline:restored", {bubbles: true, detail: {fields: fields}}));
    tell(form, entry ? "mend" : "restored");
  }

  function differ(form, before) {
    Object.keys(before).forEach(function (name) {
      var values = [].concat(before[name]);
      form.querySelectorAll('[name="' + CSS.escape(name) + '"]').forEach(function (place, i) {
        if (place.type === "hidden" || place.type === "radio" || place.type === "checkbox") return;
        if (i >= values.length || place.value === values[i]) return;
        var hint = document.createElement("p"), is = values[i];
        if (place.options) Array.from(place.options).forEach(function (one) { if (one.value === is) is = one.text; });
        hint.className = "hint";
        hint.dataset.offlineDiffers = name;
        hint.textContent = t("now") + (is || "—");
        place.after(hint);
      });
    });
  }

  async function submit(form, queue, key) {
    var own = form.elements.namedItem("client_id"), body = fieldsOf(form);
    var label = form.dataset.labelText || [].concat(body[form.dataset.label] || "")[0], id;
    try {
      id = await queue.put(body, own && own.value, {label: label, key: key, replaces: form.dataset.replaces});
      if (key) await queue.dropDraft(key);
    } catch (_error) {
      delete form.dataset.sent;
      tell(form, "full");
      return;
    }
    form.dispatchEvent(new CustomEvent("offline:kept", {bubbles: true, detail: {clientId: id, body: body}}));
    if (own) own.value = newId();
    delete form.dataset.replaces;
    if (form.dataset.after) { window.location.assign(form.dataset.after); return; }
    form.reset();
    delete form.dataset.sent;
    tell(form, "saved");
    queue.send();
  }

  function tell(form, word) {
    var place = form.querySelector("[data-offline-told]");
    if (place) { place.hidden = false; place.textContent = t(word); }
  }

  function hold(section) {
    if (!section.dataset.scope || !navigator.serviceWorker) return;
    var files = Array.from(document.querySelectorAll("link[rel=stylesheet], link[rel=icon]"), function (e) { return e.href; })
      .concat(Array.from(document.scripts, function (e) { return e.src; }).filter(Boolean));
    var pages = [window.location.href].concat(
      Array.from(document.querySelectorAll("a[data-offline-hold]"), function (e) { return e.href; }));
    navigator.serviceWorker.addEventListener("message", function (event) {
      var place = section.querySelector("[data-offline-held]");
      if (!place || event.data.type !== "held") return;
      place.dataset.held = event.data.held + "/" + event.data.asked;
      place.textContent = t("held") + " " + place.dataset.held;
    });
    var worker = section.dataset.worker || "/intake/static/offline_worker.js";
    navigator.serviceWorker.register(worker, {scope: section.dataset.scope}).then(function (registration) {
      var one = registration.active || registration.waiting || registration.installing;
      one.postMessage({type: "hold", owner: section.dataset.owner, pages: pages, files: files});
    }).catch(function () { /* Without a worker the entries are kept all the same. */ });
  }

  function begin(section) {
    var queue = new Queue(section.dataset.offlineQueue, section.dataset.owner, section.dataset.endpoint);
    queues[queue.name] = queue;
    section.hidden = false;
    document.addEventListener("offline:changed", function (event) {
      if (event.detail.queue === queue.name) show(section, queue, event.detail.entries);
    });
    var button = section.querySelector("[data-offline-send]");
    if (button) button.addEventListener("click", function () { queue.send(); });
    window.addEventListener("online", function () { queue.wait = AGAIN_MS; queue.send(); });
    document.addEventListener("visibilitychange", function () { if (!document.hidden) queue.send(); });
    document.querySelectorAll('form[data-offline-form="' + CSS.escape(queue.name) + '"]').forEach(function (form) {
      busyWith(form, queue);
    });
    if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(function () {});
    hold(section);
    queue.send();
  }

  window.LinliOffline = {queue: function (name) { return queues[name]; }, newId: newId};
  if (!window.indexedDB) return; // The forms stay plain POSTs.
  document.querySelectorAll("[data-offline-queue]").forEach(begin);
})();
