/* The map of markets: area by volume, colour by change. A click opens the symbol. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOST = 100; // tiles that can still be read
  const NAMED = [36, 16]; // px of a tile that has room for a name
  const STRONGEST = 55; // % of a colour over which text still has 4.5:1, in every palette
  const FIGURED = [52, 36]; // and for its figure

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });

  /** Rectangles of `values` (descending) that fill w × h, as square as they can be (Bruls, Huizing, van Wijk: squarified treemaps). */
  function squarify(values, w, h) {
    const total = values.reduce((sum, value) => sum + value, 0) || 1;
    const areas = values.map((value) => (value / total) * w * h);
    const out = [];
    let [x, y] = [0, 0];
    const worst = (row, side) => {
      const sum = row.reduce((a, b) => a + b, 0);
      return Math.max((side * side * row[0]) / (sum * sum), (sum * sum) / (side * side * row[row.length - 1]));
    };
    for (let i = 0; i < areas.length; ) {
      const side = Math.min(w, h);
      const row = [areas[i]];
      while (i + row.length < areas.length && worst([...row, areas[i + row.length]], side) <= worst(row, side)) row.push(areas[i + row.length]);
      const thick = row.reduce((a, b) => a + b, 0) / (side || 1);
      let along = 0;
      for (const area of row) {
        const long = area / (thick || 1);
        out.push(w >= h ? { x, y: y + along, w: thick, h: long } : { x: x + along, y, w: long, h: thick });
        along += long;
      }
      if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
      i += row.length;
    }
    return out;
  }

  const fits = ({ w, h }, [wide, high]) => w >= wide && h >= high;

  class Heat {
    constructor(panel, board) {
      this.panel = panel;
      this.board = board;
      this.tiles = panel.body.querySelector('.tiles');
      this.made = new Map();
      new ResizeObserver(() => this.draw()).observe(this.tiles);
    }

    /** Whether there is anything. */
    draw() {
      const rows = [...this.board.rows.values()].filter(({ volume, change }) => volume > 0 && change !== null).sort((a, b) => b.volume - a.volume).slice(0, MOST);
      const { clientWidth: w, clientHeight: h } = this.tiles;
      if (!w || !h || !rows.length) return rows.length > 0;
      // The root of the volume: the largest market would leave no room for the others.
      const places = squarify(rows.map((row) => Math.sqrt(row.volume)), w, h);
      const shown = new Set(rows.map(({ symbol }) => symbol));
      this.made.forEach((tile, symbol) => shown.has(symbol) || (tile.remove(), this.made.delete(symbol)));
      rows.forEach((row, i) => {
        if (!this.made.has(row.symbol)) this.made.set(row.symbol, this.tile(row.symbol));
        const tile = this.made.get(row.symbol);
        const place = places[i];
        Object.assign(tile.style, { left: `${place.x}px`, top: `${place.y}px`, width: `${place.w}px`, height: `${place.h}px` });
        tile.dataset.direction = CV.format.direction(row.change);
        tile.style.setProperty('--strength', `${Math.min(STRONGEST, 15 + Math.abs(row.change) * 12)}%`);
        CV.write(tile.lastChild, CV.format.percent(row.change));
        tile.firstChild.hidden = !fits(place, NAMED);
        tile.lastChild.hidden = !fits(place, FIGURED);
        tile.title = tile.ariaLabel = `${row.symbol} ${CV.format.percent(row.change)}, volume ${CV.format.compact(row.volume)}`;
      });
      return true;
    }

    tile(symbol) {
      const tile = Object.assign(element('a', 'tile'), { href: `/t/${CV.format.plain(symbol)}` });
      tile.append(element('b', '', CV.format.base(symbol)), element('span'));
      this.tiles.append(tile);
      return tile;
    }
  }

  CV.Heat = Heat;
})();
