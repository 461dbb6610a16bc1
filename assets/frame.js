/* One animation frame for all who paint: each job at most once a frame, none while the page is hidden. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const jobs = new Set();

  function run() {
    const due = [...jobs];
    jobs.clear();
    due.forEach((job) => job());
  }

  /** Run `job` before the next paint. A hidden page has no frames: its jobs wait, once each, until it is seen again. */
  CV.frame = (job) => {
    if (!jobs.size) requestAnimationFrame(run);
    jobs.add(job);
  };

  const LEISURE = 100; // ms: rows of figures change no faster than an eye reads them
  const waiting = new Map();

  /** Run `job` in a frame, but at most ten times a second: the layout of a full tape costs more than the chart. */
  CV.gently = (job) => {
    if (waiting.has(job)) return;
    const since = performance.now() - (job.painted || 0);
    const go = () => {
      waiting.delete(job);
      job.painted = performance.now();
      CV.frame(job);
    };
    waiting.set(job, setTimeout(go, Math.max(0, LEISURE - since)));
  };

  /** Run `job` now (`later`: not yet) and every `ms`, but not while the page is hidden; at once when it is seen again. */
  CV.repeat = (job, ms, later) => {
    if (!later) job();
    setInterval(() => document.hidden || job(), ms);
    document.addEventListener('visibilitychange', () => document.hidden || job());
  };

  CV.calm = window.matchMedia('(prefers-reduced-motion: reduce)');

  const FLASH = 300;
  const REST = 1_000; // ms from one flash to the next: a market that changes all the time does not blink all the time

  /** Flash once for a figure that rose (`direction` > 0) or fell. */
  CV.flash = (element, direction) => {
    const now = performance.now();
    if (CV.calm.matches || now - (element.flashed || -REST) < REST) return;
    element.flashed = now;
    element.animate([{ backgroundColor: direction > 0 ? 'var(--up-tint)' : 'var(--down-tint)' }, { backgroundColor: 'transparent' }], { duration: FLASH });
  };

  /** Write `english`, in the page's language, into `element` only when it differs: the browser lays out nothing for nothing. */
  CV.write = (element, english) => {
    const text = CV.texts.of(english);
    if (element.textContent !== text) element.textContent = text;
  };
})();
