/* Mouse, wheel, touch and keys on the chart, told as intentions: pan, zoom, scale, point. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const WHEEL = 0.0015; // zoom per unit of wheel travel
  const LINE = 16; // px of a wheel "line", for browsers that count in lines
  const HOLD = 350; // ms a finger rests before it points rather than pans
  const SLACK = 6; // px a resting finger may tremble

  /** `area(x, y)` names what lies there: 'plot', 'pane' (an indicator's), 'price' or 'time'. `act` holds the intentions. */
  function watch(element, area, act) {
    const pointers = new Map();
    let start = null;
    let hold = 0;
    let pointing = false;
    let taken = false; // a drawing follows the pointer
    const place = (event) => {
      const box = element.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };

    element.addEventListener('pointerdown', (event) => {
      if (event.button > 0) return;
      const at = place(event);
      pointers.set(event.pointerId, at);
      element.setPointerCapture(event.pointerId);
      start = { ...at, area: area(at.x, at.y) };
      taken = start.area === 'plot' && pointers.size === 1 && act.grab(at);
      if (taken) return;
      if (event.pointerType === 'mouse') return;
      pointing = false;
      clearTimeout(hold);
      act.point(null);
      hold = setTimeout(() => {
        pointing = pointers.size === 1;
        if (pointing) act.point(start);
      }, HOLD);
    });

    element.addEventListener('pointermove', (event) => {
      const at = place(event);
      const before = pointers.get(event.pointerId);
      if (!before) {
        element.dataset.area = area(at.x, at.y);
        act.point(element.dataset.area === 'plot' || element.dataset.area === 'pane' ? at : null);
        return;
      }
      if (taken) {
        act.carry(at);
        pointers.set(event.pointerId, at);
        return;
      }
      if (event.pointerType !== 'mouse' && !pointing && Math.hypot(at.x - start.x, at.y - start.y) > SLACK) clearTimeout(hold);
      if (pointers.size === 2) pinch(event.pointerId, before, at);
      else if (pointing) act.point(at);
      else drag(before, at, event.pointerType);
      pointers.set(event.pointerId, at);
    });

    function drag(before, at, kind) {
      const dx = at.x - before.x;
      const dy = at.y - before.y;
      if (start.area === 'price') act.scalePrice(Math.exp(dy * 0.005));
      else if (start.area === 'time') act.zoom(Math.exp(dx * 0.005), null);
      else act.pan(dx, start.area === 'plot' ? dy : 0);
      if (kind === 'mouse' && start.area !== 'price' && start.area !== 'time') act.point(at);
    }

    function pinch(id, before, at) {
      const [other] = [...pointers].filter(([key]) => key !== id).map(([, value]) => value);
      clearTimeout(hold);
      const was = Math.hypot(before.x - other.x, before.y - other.y);
      const is = Math.hypot(at.x - other.x, at.y - other.y);
      if (was > 10 && is > 10) act.zoom(is / was, (at.x + other.x) / 2);
      act.pan((at.x - before.x) / 2, 0);
    }

    const end = (event) => {
      if (taken && pointers.has(event.pointerId)) act.drop(place(event));
      taken = false;
      pointers.delete(event.pointerId);
      clearTimeout(hold);
      if (event.pointerType !== 'mouse' && pointing) {
        pointing = false;
        act.point(null);
      }
    };
    element.addEventListener('pointerup', end);
    element.addEventListener('pointercancel', end);
    element.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && !pointers.size && act.point(null));

    element.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const at = place(event);
        const unit = event.deltaMode === 1 ? LINE : 1;
        if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) act.pan(-event.deltaX * unit, 0);
        else if (area(at.x, at.y) === 'price') act.scalePrice(Math.exp(event.deltaY * unit * WHEEL));
        else act.zoom(Math.exp(-event.deltaY * unit * WHEEL), at.x);
      },
      { passive: false },
    );

    element.addEventListener('dblclick', (event) => {
      const at = place(event);
      if (area(at.x, at.y) === 'price') act.autoPrice();
      else act.reset();
    });

    const keys = {
      ArrowLeft: () => act.pan(60, 0), ArrowRight: () => act.pan(-60, 0),
      '+': () => act.zoom(1.2, null), '=': () => act.zoom(1.2, null), '-': () => act.zoom(1 / 1.2, null),
      End: () => act.reset(), Home: () => act.fit(),
    };
    element.addEventListener('keydown', (event) => {
      const act_ = !event.ctrlKey && !event.metaKey && !event.altKey && keys[event.key];
      if (!act_) return;
      event.preventDefault();
      act_();
    });
  }

  CV.gestures = { watch };
})();
