// The dispatch desk by keyboard alone: Alt+J and Alt+K go from request to request, Ctrl+Enter
// dispatches the one at hand. Without scripts, Tab and Enter do the same.
"use strict";

(() => {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;

  const reach = (row) => {
    const first = row.querySelector("select, input:not([type=hidden]), a");
    if (first) {
      first.focus();
      row.scrollIntoView({ block: "nearest" });
    }
  };

  document.addEventListener("keydown", (event) => {
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    if (event.altKey && (event.code === "KeyJ" || event.code === "KeyK")) {
      const next = at < 0 ? 0 : at + (event.code === "KeyJ" ? 1 : -1);
      if (rows[next]) reach(rows[next]);
      event.preventDefault();
    } else if (event.ctrlKey && event.key === "Enter" && at >= 0) {
      const form = rows[at].querySelector("form");
      if (form) form.requestSubmit();
      event.preventDefault();
    }
  });
})();
