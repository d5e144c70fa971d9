// What makes the pages of rules more comfortable. Everything works without it.
"use strict";

/** How often a state is asked for again, milliseconds. */
const EVERY = 3000;

/** Shows a part of the page as it is now. A part that nobody looks at is left alone. */
async function refresh(part) {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(part.dataset.refresh, { redirect: "manual" });
  } catch {
    answer = undefined;
  }
  if (answer?.ok) part.innerHTML = await answer.text();
  part.nextElementSibling.hidden = answer?.ok ?? false;
}

for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => refresh(part), EVERY);
}

// The cursor goes to the fault of a clause.
const faulty = document.querySelector("[data-fault] textarea");
if (faulty) {
  const before = [...faulty.value].slice(0, Number(faulty.closest("[data-fault]").dataset.fault) - 1).join("").length;
  faulty.focus();
  faulty.setSelectionRange(before, before + 1);
}
document.getElementById("trial")?.scrollIntoView({ block: "start" });
