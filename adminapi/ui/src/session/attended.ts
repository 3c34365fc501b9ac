/** Milliseconds without a key or a touch after which nobody is taken to be there. */
const patience = 60_000;

/**
 * Notes when somebody last did something with the page. Pages look again by
 * themselves every few seconds; were that counted as use, no session would ever
 * end for not being used.
 */
export function watchAttendance(now: () => number = Date.now): { unattended: () => boolean; stop: () => void } {
  let last = now();
  const note = () => {
    last = now();
  };
  const signs = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;
  for (const sign of signs) addEventListener(sign, note, { passive: true, capture: true });
  return {
    unattended: () => now() - last > patience,
    stop: () => {
      for (const sign of signs) removeEventListener(sign, note, { capture: true });
    },
  };
}
