/* Draws indicators on the chart's canvas: those over the candles, and those with a pane and a scale of their own. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const FILL = 0.08;
  const LABEL_GAP = 30; // px between the labels of a pane
  const TAG = 15; // px, height of a figure on its axis
  // The levels that people look for: always in sight.
  const ZONES = { rsi: [30, 70], mfi: [20, 80], stochastic: [20, 80], williams_r: [-80, -20], cci: [-100, 100] };
  const BANDS = [['upper_band', 'lower_band']];

  /** A figure as text: prices as the chart's own, volumes short, ratios with two digits. */
  function spell(study, column, value, decimals) {
    const output = study.entry.outputs.find((one) => one.name === column);
    if (output.unit === 'price') return CV.format.number(value, decimals);
    if (output.unit === 'volume' || Math.abs(value) >= 1e5) return CV.format.compact(value);
    return CV.format.number(value, Math.abs(value) >= 0.1 || value === 0 ? 2 : 5);
  }

  /** Lowest and highest figure of bars [from, to); null when there is none. */
  function range(study, bars, from, to) {
    let low = Infinity;
    let high = -Infinity;
    for (let i = from; i < to; i++) {
      const figures = study.at(bars[i].t);
      if (!figures) continue;
      for (const column of study.columns) {
        const value = figures[column];
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) return null;
    const [least, most] = ZONES[study.entry.name] || (study.columns.includes('value_histogram') ? [0, 0] : [low, high]);
    low = Math.min(low, least);
    high = Math.max(high, most);
    const pad = (high - low) * 0.12 || Math.abs(high) * 0.01 || 1;
    return { low: low - pad, high: high + pad };
  }

  /** `y(value)` draws one study's bars [from, to). */
  function lines(ctx, study, colors, { bars, view }, from, to, y) {
    const dots = study.entry.name === 'psar';
    for (const [upper, lower] of BANDS) {
      if (study.overlay && study.columns.includes(upper) && study.columns.includes(lower)) {
        band(ctx, study, colors[study.columns.indexOf(upper)], upper, lower, { bars, view }, from, to, y);
      }
    }
    study.columns.forEach((column, n) => {
      if (column === 'value_histogram') return;
      ctx.strokeStyle = ctx.fillStyle = colors[n];
      ctx.lineWidth = 1.5;
      ctx.lineJoin = 'round';
      ctx.beginPath();
      let drawing = false;
      for (let i = from; i < to; i++) {
        const figures = study.at(bars[i].t);
        const value = figures && figures[column];
        if (value === undefined) {
          drawing = false; // a hole stays a hole
          continue;
        }
        const x = view.x(bars[i].t);
        if (dots) {
          ctx.fillRect(x - 1.25, y(value) - 1.25, 2.5, 2.5);
        } else if (drawing) {
          ctx.lineTo(x, y(value));
        } else {
          ctx.moveTo(x, y(value));
        }
        drawing = true;
      }
      if (!dots) ctx.stroke();
    });
  }

  function band(ctx, study, color, upper, lower, { bars, view }, from, to, y) {
    const back = [];
    ctx.fillStyle = color;
    ctx.globalAlpha = FILL;
    ctx.beginPath();
    for (let i = from; i < to; i++) {
      const figures = study.at(bars[i].t);
      if (!figures || figures[upper] === undefined || figures[lower] === undefined) continue;
      ctx.lineTo(view.x(bars[i].t), y(figures[upper]));
      back.push([view.x(bars[i].t), y(figures[lower])]);
    }
    back.reverse().forEach(([x, at]) => ctx.lineTo(x, at));
    ctx.fill();
    ctx.globalAlpha = 1;
  }

  function histogram(ctx, study, { bars, view }, from, to, y) {
    const colors = CV.theme.colors();
    const width = Math.max(1, Math.round(view.spacing * CV.Plot.BODY));
    let before = 0;
    for (let i = Math.max(0, from - 1); i < to; i++) {
      const figures = study.at(bars[i].t);
      const value = figures && figures.value_histogram;
      if (value === undefined) continue;
      ctx.fillStyle = value < 0 ? colors.down : colors.up;
      ctx.globalAlpha = Math.abs(value) < Math.abs(before) ? 0.35 : 0.7; // fading, or growing
      const zero = y(0);
      const at = y(value);
      ctx.fillRect(Math.round(view.x(bars[i].t) - width / 2), Math.min(zero, at), width, Math.max(1, Math.abs(zero - at)));
      before = value;
    }
    ctx.globalAlpha = 1;
  }

  /** The studies over the candles. The caller clips to the price pane. */
  function overlays(ctx, studies, scene, from, to) {
    for (const { study } of studies.shown) {
      if (study.overlay) lines(ctx, study, studies.colors(study), scene, from, to, (value) => scene.view.y(value));
    }
  }

  /** Grid, zones, scale and lines of every pane; each pane remembers its scale for the crosshair. */
  function draw(ctx, studies, scene, from, to) {
    const colors = CV.theme.colors();
    const { view } = scene;
    for (const pane of studies.panes) {
      const { study, top, height } = pane;
      ctx.fillStyle = colors.line;
      ctx.fillRect(0, top, view.width + scene.axisWidth, 1);
      const scale = (pane.scale = range(study, scene.bars, from, to));
      if (!scale) continue;
      const inset = 3;
      const y = (value) => top + inset + ((scale.high - value) / (scale.high - scale.low)) * (height - 2 * inset);
      pane.value = (at) => scale.high - ((at - top - inset) / (height - 2 * inset)) * (scale.high - scale.low);
      const zone = ZONES[study.entry.name];
      const ticks = zone || CV.ticks.prices(scale.low, scale.high, height, LABEL_GAP).values;
      ctx.save();
      ctx.beginPath();
      ctx.rect(0, top + 1, view.width, height - 1);
      ctx.clip();
      if (zone) {
        ctx.fillStyle = colors.accent;
        ctx.globalAlpha = FILL;
        ctx.fillRect(0, y(zone[1]), view.width, y(zone[0]) - y(zone[1]));
        ctx.globalAlpha = 1;
      }
      ctx.fillStyle = colors.grid;
      for (const tick of ticks) ctx.fillRect(0, Math.round(y(tick)), view.width, 1);
      if (study.columns.includes('value_histogram')) histogram(ctx, study, scene, from, to, y);
      lines(ctx, study, studies.colors(study), scene, from, to, y);
      ctx.restore();
      ctx.fillStyle = colors.text2;
      ctx.textAlign = 'left';
      for (const tick of ticks) {
        const at = y(tick);
        if (at > top + 7 && at < top + height - 5) ctx.fillText(spell(study, study.columns[0], tick, scene.decimals), view.width + 8, at);
      }
      newest(ctx, study, studies.colors(study), scene, pane, y);
    }
  }

  /** Where each line stands now: its figure on the axis, in its colour. */
  function newest(ctx, study, colors, { bars, view, axisWidth, decimals }, { top, height }, y) {
    const { onTag } = CV.theme.colors();
    const at = study.at(bars[bars.length - 1].t) || (bars.length > 1 && study.at(bars[bars.length - 2].t)) || {};
    const taken = [];
    study.columns.forEach((column, n) => {
      if (column === 'value_histogram' || at[column] === undefined) return;
      const middle = Math.max(top + TAG / 2 + 1, Math.min(top + height - TAG / 2, y(at[column])));
      if (taken.some((other) => Math.abs(other - middle) < TAG)) return; // the legend tells the others
      taken.push(middle);
      ctx.fillStyle = colors[n];
      ctx.fillRect(view.width + 1, Math.round(middle - TAG / 2), axisWidth - 1, TAG);
      ctx.fillStyle = onTag;
      ctx.fillText(spell(study, column, at[column], decimals), view.width + 8, middle + 0.5);
    });
  }

  CV.panes = { overlays, draw, spell };
})();
