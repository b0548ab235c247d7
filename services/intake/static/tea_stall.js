// The tea stall's page: a photo is made small enough to wait on the device as text, and after an
// entry is kept the next one is begun at once, with its kind and place as they were.
"use strict";
(function () {
  var EDGE_PX = 1280, CHARACTERS_MAX = 380000;
  var form = document.querySelector("form[data-offline-form^=tea-stall]");
  if (!form || !window.indexedDB || !window.createImageBitmap) return;
  var field = form.querySelector("[data-photo]"), chosen = field.querySelector("input[type=file]");
  var held = field.querySelector("textarea"), told = field.querySelector("[data-photo-told]");
  var isEnglish = document.documentElement.lang === "en";
  var kept = null;
  field.hidden = false;

  function say(zh, en) { told.textContent = isEnglish ? en : zh; }

  async function smaller(file) {
    var bitmap = await window.createImageBitmap(file);
    for (var edge = EDGE_PX, quality = 0.7; edge > 200; edge *= 0.75) {
      var scale = Math.min(1, edge / Math.max(bitmap.width, bitmap.height));
      var canvas = document.createElement("canvas");
      canvas.width = Math.round(bitmap.width * scale);
      canvas.height = Math.round(bitmap.height * scale);
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      var address = canvas.toDataURL("image/jpeg", quality);
      if (address.length <= CHARACTERS_MAX) return address;
    }
    return "";
  }

  chosen.addEventListener("change", async function () {
    held.value = "";
    if (!chosen.files.length) { say("", ""); return; }
    try {
      held.value = await smaller(chosen.files[0]);
      say(held.value ? "照片已附上" : "照片太大", held.value ? "The photo is attached" : "The photo is too large");
    } catch (_error) {
      say("照片读不出，请重拍", "The photo cannot be read: take it again");
    }
    held.dispatchEvent(new Event("input", {bubbles: true}));
  });

  form.addEventListener("offline:restored", function (event) {
    if (event.detail.fields.photo) say("照片已附上", "The photo is attached");
  });
  // The same matter is often said several times on end, at one place.
  form.addEventListener("offline:kept", function (event) {
    kept = {kind: event.detail.body.kind, address: event.detail.body.address};
  });
  form.addEventListener("reset", function () {
    window.setTimeout(function () {
      say("", "");
      if (!kept) return;
      form.elements.kind.value = kept.kind || "";
      form.elements.address.value = kept.address || "";
      form.elements.text.focus();
      kept = null;
    });
  });
})();
