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

  CV.calm = window.matchMedia('(prefers-reduced-motion: reduce)');

  /** Write `text` into `element` only when it differs: the browser lays out nothing for nothing. */
  CV.write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
})();
