// A form's photo is made small enough to wait on the device as text, in the form's own field.
"use strict";
(function () {
  var EDGE_PX = 1280, CHARACTERS_MAX = 380000;
  var field = document.querySelector("form [data-photo]");
  if (!field || !window.indexedDB || !window.createImageBitmap) return;
  var form = field.closest("form"), chosen = field.querySelector("input[type=file]");
  var held = field.querySelector("textarea"), told = field.querySelector("[data-photo-told]");
  var isEnglish = document.documentElement.lang === "en";
  field.hidden = false;

  function say(zh, en) { told.textContent = isEnglish ? en : zh; }

  async function smaller(file) {
    var bitmap = await window.createImageBitmap(file);
    for (var edge = EDGE_PX; edge > 200; edge *= 0.75) {
      var scale = Math.min(1, edge / Math.max(bitmap.width, bitmap.height));
      var canvas = document.createElement("canvas");
      canvas.width = Math.round(bitmap.width * scale);
      canvas.height = Math.round(bitmap.height * scale);
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      var address = canvas.toDataURL("image/jpeg", 0.7);
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
  form.addEventListener("reset", function () { say("", ""); });
})();
