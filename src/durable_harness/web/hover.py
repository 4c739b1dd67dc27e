"""The script that shows the values of a plot or a bar where one points at it, with a mouse or a finger."""

SCRIPT = """
"use strict";
(() => {
  const box = document.createElement("div");
  box.className = "readout";
  box.hidden = true;
  document.body.append(box);
  let marked = null, last = null;
  const tipOf = target => {
    const shape = target && target.closest ? target.closest("[data-tip]") : null;
    return shape && shape.dataset.tip ? shape : null;
  };
  const show = event => {
    last = event;
    const shape = tipOf(event.target);
    point(shape, event);
  };
  const point = (shape, event) => {
    if (marked && marked !== shape) marked.classList.remove("pointed");
    marked = shape;
    box.hidden = !shape;
    if (!shape) return;
    shape.classList.add("pointed");
    box.textContent = shape.dataset.tip;
    const {innerWidth: width, innerHeight: height} = window, gap = 14;
    const {offsetWidth: w, offsetHeight: h} = box;
    const x = event.clientX + gap + w > width ? event.clientX - gap - w : event.clientX + gap;
    const y = event.clientY + gap + h > height ? event.clientY - gap - h : event.clientY + gap;
    box.style.transform = `translate(${Math.max(4, Math.min(x, width - w - 4))}px, ${Math.max(4, y)}px)`;
  };
  for (const kind of ["pointermove", "pointerdown"]) document.addEventListener(kind, show);
  document.addEventListener("pointerleave", () => { box.hidden = true; last = null; });
  // A live page redraws its plots below the pointer.
  document.addEventListener("redrawn", () => {
    if (last && !box.hidden) point(tipOf(document.elementFromPoint(last.clientX, last.clientY)), last);
  });
})();
"""
