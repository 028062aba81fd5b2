// A field with many boxes gets an input that hides those whose words do not hold what is typed there. What is checked
// stays shown. Without this script all boxes are there to scroll through.
"use strict";
(() => {
  const MANY = 12;
  for (const field of document.querySelectorAll("form.edit fieldset.field")) {
    const boxes = [...field.querySelectorAll("label.option")].filter((one) => one.querySelector("input[type=checkbox]"));
    if (boxes.length < MANY) continue;
    const input = document.createElement("input"), legend = field.querySelector("legend");
    input.type = "search";
    input.autocomplete = "off";
    input.placeholder = `Search ${boxes.length}`;
    input.setAttribute("aria-label", `Search in: ${legend.textContent}`);
    legend.after(input);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const box of boxes) box.hidden = !box.textContent.toLowerCase().includes(wanted) && !box.querySelector("input").checked;
    });
    // Enter in the search is no wish to save.
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  }
})();
