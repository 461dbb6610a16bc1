/* What a layout is: which panel lies where and how large. Knows the shapes of layouts that were saved before there were areas. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const AREAS = ['left', 'right', 'dock'];
  // px: [least, most]; a panel's own height lies within PANEL.
  const SIZES = { left: [140, 420], right: [220, 560], dock: [96, 600] };
  const PANEL = [96, 1_200];
  const OLD_TABS = 29; // px by which the names of the dock were not counted in its height

  const DETAILED = {
    strip: true,
    dense: false,
    areas: { left: ['watchlist'], right: ['book', 'tape'], dock: ['headlines', 'sentiment', 'readings', 'statistics', 'alerts', 'depth'] },
    hidden: [],
    folded: [],
    open: 'headlines',
    sizes: { left: 200, right: 300, dock: 220 },
    heights: {},
  };
  const COMPACT = { ...DETAILED, strip: false, dense: true, hidden: ['tape'], open: '', sizes: { left: 180, right: 240, dock: 220 } };

  const within = ([least, most], size) => Math.round(Math.min(most, Math.max(least, size)));
  const copy = (shape) => JSON.parse(JSON.stringify(shape));
  const words = (list) => (Array.isArray(list) ? list.filter((one) => typeof one === 'string') : []);

  /** A layout of before: sides and switches by name, and no watchlist. */
  function older(kept) {
    const is = (name, usual) => (typeof kept[name] === 'boolean' ? kept[name] : usual);
    const column = is('tapefirst', false) ? ['tape', 'book'] : ['book', 'tape'];
    const side = is('left', false) ? 'left' : 'right';
    const shape = copy(DETAILED);
    Object.assign(shape, { strip: is('strip', true), areas: { ...shape.areas, left: ['watchlist'], right: [], [side]: side === 'left' ? ['watchlist', ...column] : column } });
    shape.hidden = ['watchlist', ...['book', 'tape'].filter((name) => !is(name, true)), ...(is('dock', true) ? [] : shape.areas.dock)];
    shape.open = '';
    if (Number.isFinite(kept.side)) shape.sizes[side] = kept.side;
    if (Number.isFinite(kept.height)) shape.sizes.dock = kept.height + OLD_TABS;
    if (kept.share > 0) shape.heights.book = kept.share;
    return shape;
  }

  /** What is known of a layout that was kept; `panels`: the ids there are. Each of them is in one area, once. */
  function sound(kept, panels) {
    if (!kept || typeof kept !== 'object') return sound(DETAILED, panels);
    if (!kept.areas) return Object.keys(kept).length ? sound(older(kept), panels) : sound(DETAILED, panels);
    const shape = copy(DETAILED);
    for (const name of ['strip', 'dense']) if (typeof kept[name] === 'boolean') shape[name] = kept[name];
    const placed = new Set();
    const fresh = (name) => panels.includes(name) && !placed.has(name) && placed.add(name);
    for (const area of AREAS) shape.areas[area] = words(kept.areas[area]).filter(fresh);
    // Panels that came into the world since: where they usually are.
    for (const area of AREAS) shape.areas[area].push(...DETAILED.areas[area].filter(fresh));
    shape.areas.dock.push(...panels.filter(fresh));
    shape.hidden = words(kept.hidden).filter((name) => placed.has(name));
    shape.folded = words(kept.folded).filter((name) => placed.has(name));
    shape.open = placed.has(kept.open) || kept.open === '' ? kept.open : DETAILED.open;
    for (const area of AREAS) {
      const size = kept.sizes && kept.sizes[area];
      if (Number.isFinite(size)) shape.sizes[area] = within(SIZES[area], size);
    }
    for (const [name, size] of Object.entries(kept.heights || {})) if (placed.has(name) && Number.isFinite(size)) shape.heights[name] = within(PANEL, size);
    return shape;
  }

  CV.shape = { AREAS, SIZES, PANEL, DETAILED, COMPACT, within, sound };
})();
