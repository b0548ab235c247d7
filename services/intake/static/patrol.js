// The page of a visit: it is stamped with the phone's time when it is sent.
"use strict";
(function () {
  var form = document.querySelector("form[data-visit]");
  if (!form) return;
  // Before the queue reads the fields: it listens on the form itself.
  document.addEventListener("submit", function (event) {
    if (event.target === form) form.elements.visited_at.value = new Date().toISOString();
  }, true);
})();
