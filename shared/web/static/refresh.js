// A page that says <body data-refresh="15"> reloads itself every 15 seconds while it is looked at.
// Without scripts nothing is lost: the reader reloads by hand.
"use strict";
(function () {
  var seconds = Number(document.body.dataset.refresh);
  if (!(seconds >= 5)) return;
  window.setInterval(function () {
    var busy = document.activeElement && /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(document.activeElement.tagName);
    if (document.hidden || busy || document.querySelector("details[open]")) return;
    // Tells the server that no person asked, so that an unattended screen still signs out.
    document.cookie = "linli_auto=1; max-age=5; path=/; samesite=lax";
    window.location.reload();
  }, seconds * 1000);
})();
