// Keys for the list of threads: j and k walk, Enter or o opens, / searches, Escape leaves the field.
"use strict";
(() => {
  const rows = () => [...document.querySelectorAll("[data-row]")];
  let place = -1;
  const walk = (step) => {
    const all = rows();
    if (!all.length) return;
    place = Math.max(0, Math.min(all.length - 1, place + step));
    const link = all[place].querySelector("a[href]");
    if (link) link.focus();
    all[place].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) place = rows().indexOf(row);
  });
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, select, textarea");
    if (event.key === "Escape" && field) { field.blur(); return; }
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "j") walk(1);
    else if (event.key === "k") walk(-1);
    else if (event.key === "o" && place >= 0) rows()[place].querySelector("a[href]").click();
    else if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
})();
