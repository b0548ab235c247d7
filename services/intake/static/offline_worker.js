// Keeps the pages of one scope readable without network. What it keeps is what was read last; it
// never answers from its store while the network answers. Entries are offline_queue.js's affair.
"use strict";
const KEPT = "linli-pages " + self.registration.scope;
const OWNER = new URL("owner", self.registration.scope).href;
const AT_ONCE = 4;
const NETWORK_MS = 8000; // a network that hangs is none

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  if (event.data && event.data.type === "hold") event.waitUntil(hold(event.data, event.source));
});

self.addEventListener("fetch", (event) => {
  const asked = event.request;
  const url = new URL(asked.url);
  if (asked.method !== "GET" || url.origin !== self.location.origin) return;
  if (asked.headers.has("X-Offline")) return;
  if (asked.mode === "navigate") event.respondWith(page(asked));
  else if (url.pathname.includes("/static/")) event.respondWith(file(asked));
});

// Pages: the network's answer, and the kept one when there is none.
async function page(asked) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(asked, {signal: AbortSignal.timeout(NETWORK_MS)});
    if (isOurs(answer)) await kept.put(asked.url, answer.clone());
    return answer;
  } catch (problem) {
    const known = await kept.match(asked.url, {ignoreVary: true});
    if (known) return known;
    throw problem;
  }
}

// Files: their address changes with their content, so a kept one is never old.
async function file(asked) {
  const kept = await caches.open(KEPT);
  const known = await kept.match(asked.url, {ignoreVary: true});
  return known || fetch(asked);
}

function isOurs(answer) {
  // A redirect led to the sign-in: that is not the page that was asked for.
  return answer.ok && answer.type === "basic" && !answer.redirected;
}

async function hold(told, client) {
  let kept = await caches.open(KEPT);
  const owner = await kept.match(OWNER);
  if (owner && (await owner.text()) !== told.owner) {
    await caches.delete(KEPT); // another person's pages are not for this one
    kept = await caches.open(KEPT);
  }
  await kept.put(OWNER, new Response(told.owner));
  const files = told.files.map((each) => [each, true]);
  const waiting = files.concat(told.pages.map((each) => [each, false]));
  const counts = {type: "held", held: 0, asked: told.pages.length};
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [address, isFile] = next;
      const isHeld = await take(kept, address, isFile);
      if (!isFile && isHeld) counts.held += 1;
    }
  };
  await Promise.all(Array.from({length: AT_ONCE}, work));
  if (client) client.postMessage(counts);
}

async function take(kept, address, isFile) {
  const known = await kept.match(address, {ignoreVary: true});
  if (isFile && known) return true;
  try {
    const answer = await fetch(address, {
      credentials: "same-origin", headers: isFile ? {} : {Accept: "text/html"},
      signal: AbortSignal.timeout(NETWORK_MS),
    });
    if (isOurs(answer)) await kept.put(address, answer);
    return isOurs(answer) || Boolean(known);
  } catch (_problem) {
    return Boolean(known);
  }
}
