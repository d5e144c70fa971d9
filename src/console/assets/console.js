// What makes pages more comfortable. Everything works without it.
"use strict";

/** Copies what stands beside the button, and says so on it for a moment. */
async function copyBeside(button) {
  const text = button.parentElement.querySelector("code").textContent;
  const label = button.firstChild;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = "Copied ";
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    label.textContent = "Selected ";
  }
  setTimeout(() => { label.textContent = before; }, 2000);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copyBeside(button));
}

// A question that is open closes with Escape.
document.addEventListener("keydown", (event) => {
  const question = document.querySelector("details.confirm[open]");
  if (event.key !== "Escape" || !question) return;
  question.open = false;
  question.querySelector("summary").focus();
});
