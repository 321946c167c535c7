// Keys on the position slider. It counts samples, so that dragging is exact; keys go by seconds.
// Home and End are the browser's own.

const STEPS_S = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5,
};

export function watchSeekKeys(bar, onMove) {
  bar.addEventListener('keydown', (event) => {
    const step_s = STEPS_S[event.key];
    if (step_s === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    onMove(step_s);
  });
}
