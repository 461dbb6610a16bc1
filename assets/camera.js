/* A picture of the chart as it is: its layers, one over the other, and what it is of. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const HEAD = 32; // px over the chart for its name

  function picture(chart, symbol, timeframe) {
    const { overlay, series } = chart;
    const { width, height, ratio } = overlay;
    const canvas = Object.assign(document.createElement('canvas'), { width: width * ratio, height: (height + HEAD) * ratio });
    const ctx = canvas.getContext('2d');
    const colors = CV.theme.colors();
    ctx.scale(ratio, ratio);
    ctx.fillStyle = colors.app;
    ctx.fillRect(0, 0, width, height + HEAD);
    ctx.drawImage(overlay.under.canvas, 0, HEAD, width, height);
    // All bars on the overlay, Plotly's share too; the next frame paints it as it was.
    const [from, to] = chart.visible();
    overlay.paint({ ...chart.scene(from, to), spans: [[from, to]], priceSpans: [[from, to]], cursor: null });
    ctx.drawImage(overlay.over.canvas, 0, HEAD, width, height);
    chart.repaint();
    ctx.fillStyle = colors.text;
    ctx.font = `600 13px ${colors.font}`;
    ctx.textBaseline = 'middle';
    ctx.fillText(`${symbol} · ${timeframe}`, 12, HEAD / 2);
    ctx.fillStyle = colors.text2;
    ctx.font = `400 12px ${colors.font}`;
    ctx.textAlign = 'right';
    ctx.fillText(`${CV.format.moment(chart.clock(), '5s')} ${CV.format.zoneName('5s', chart.clock())} · CryptoViz`, width - 12, HEAD / 2);
    return canvas;
  }

  async function save(chart, symbol, timeframe) {
    if (!chart.series || !chart.series.last) return;
    const canvas = picture(chart, symbol, timeframe);
    const blob = await new Promise((resume) => canvas.toBlob(resume, 'image/png'));
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: `${CV.format.plain(symbol)}_${timeframe}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  CV.camera = { save };
})();
