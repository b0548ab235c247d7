// The tea stall's page: after an entry is kept the next one is begun at once, with its kind and
// place as they were, because the same matter is often said several times on end, at one place.
"use strict";
(function () {
  var form = document.querySelector("form[data-offline-form^=tea-stall]");
  if (!form || !window.indexedDB) return;
  var kept = null;

  form.addEventListener("offline:kept", function (event) {
    kept = {kind: event.detail.body.kind, address: event.detail.body.address};
  });
  form.addEventListener("reset", function () {
    window.setTimeout(function () {
      if (!kept) return;
      form.elements.kind.value = kept.kind || "";
      form.elements.address.value = kept.address || "";
      form.elements.text.focus();
      kept = null;
    });
  });
})();
