// What the pointer does on a chart: the crosshair, a zoom, a pan, a pick.
export function listen(chart) {
  const { canvas, view } = chart;
  const at = (event) => event.clientX - canvas.getBoundingClientRect().left;
  let start = null;
  const fingers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !chart.scale) return;
    if (event.pointerType === "touch") fingers.set(event.pointerId, at(event));
    start = fingers.size > 1 ? null : { px: at(event), pan: event.shiftKey, moved: false, window: view.window() };
    if (event.pointerType !== "touch") canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!chart.scale) return;
    const px = at(event);
    if (fingers.size > 1) { pinch(chart, fingers, event.pointerId, px); return; }
    if (start && event.pointerType !== "touch" && Math.abs(px - start.px) > 4) start.moved = true;
    if (start?.moved && start.pan) view.pan(start.window, start.px, px, chart);
    else if (start?.moved) view.select({ chart, a: start.px, b: px });
    else chart.point(px);
  });
  canvas.addEventListener("pointerup", (event) => {
    const px = at(event);
    const begun = start;
    start = null;
    fingers.delete(event.pointerId);
    view.drag = null;
    if (!begun) return;
    if (begun.moved && !begun.pan) {
      const [a, b] = [chart.scale.back(begun.px), chart.scale.back(px)].sort((m, n) => m - n);
      view.zoom(a, b);
    } else if (!begun.moved) {
      chart.point(px);
      chart.onpoint?.(chart, event);
    }
  });
  canvas.addEventListener("pointercancel", (event) => { start = null; view.drag = null; fingers.delete(event.pointerId); });
  canvas.addEventListener("dblclick", () => view.all());
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || !chart.scale) return;
    event.preventDefault();
    view.zoomAt(chart.scale.back(at(event)), event.deltaY > 0 ? 1.25 : 0.8);
  }, { passive: false });
}

// What lies below each of two fingers stays below it.
function pinch(chart, fingers, finger, px) {
  const before = [...fingers.values()];
  fingers.set(finger, px);
  const after = [...fingers.values()];
  const [wide, now] = [before, after].map(([a, b]) => Math.max(Math.abs(a - b), 20));
  const middle = (before[0] + before[1]) / 2;
  chart.view.zoomAt(chart.scale.back(middle), wide / now);
  chart.scale = chart.scales();
}
