/* The order book: best levels of both sides with their depth. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOST_ROWS = 12;
  const PATIENCE = 5_000; // ms after which a source without a book is said to have none
  const NONE = 'No order book from this source. Its levels appear here with the first one.';

  class Book {
    constructor(panel, socket, markets) {
      Object.assign(this, { panel, socket, markets });
      const { body } = panel;
      this.sides = { asks: body.querySelector('.asks'), bids: body.querySelector('.bids') };
      this.rows = { asks: [], bids: [] };
      this.spread = body.querySelector('.spread-value');
      this.paint = () => this.draw();
      new ResizeObserver(() => this.fit()).observe(this.sides.asks);
      panel.exports(() => [['side', 'price', 'amount'], ...['asks', 'bids'].flatMap((side) => (this.book ? this.book[side].map(([price, amount]) => [side.slice(0, 3), price, amount]) : []))]);
    }

    show(symbol) {
      if (this.end) this.end();
      this.symbol = symbol;
      this.book = null;
      this.panel.set('loading');
      this.wait();
      CV.frame(this.paint);
      this.end = this.socket.subscribe({ type: 'book', symbol, forming: true }, (book) => {
        this.book = book;
        this.panel.fresh();
        CV.frame(this.paint);
      });
    }

    wait() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (this.socket.state !== 'open') this.wait();
        else if (!this.book) this.panel.set('empty', NONE);
      }, PATIENCE);
    }

    /** As many rows as there is room for. */
    fit() {
      if (!this.sides.asks.clientHeight) return;
      const wanted = Math.max(3, Math.min(MOST_ROWS, Math.floor(this.sides.asks.clientHeight / CV.measure(this.panel.section, '--level'))));
      for (const side of ['asks', 'bids']) {
        const rows = this.rows[side];
        while (rows.length < wanted) rows.push(this.row(this.sides[side]));
        while (rows.length > wanted) rows.pop().row.remove();
      }
      CV.frame(this.paint);
    }

    row(parent) {
      const row = document.createElement('div');
      row.className = 'level';
      const cells = [0, 1, 2].map(() => row.appendChild(document.createElement('span')));
      parent.append(row);
      return { row, cells };
    }

    draw() {
      const { book, markets, symbol } = this;
      const { format } = CV;
      if (!book) {
        for (const { row } of [...this.rows.asks, ...this.rows.bids]) row.classList.add('blank');
        CV.write(this.spread, '–');
        return;
      }
      const decimals = markets.decimals(symbol);
      const lots = markets.amountDecimals(symbol);
      const depth = Math.max(...['asks', 'bids'].map((side) => sum(book[side].slice(0, this.rows[side].length))));
      for (const side of ['asks', 'bids']) {
        let total = 0;
        this.rows[side].forEach(({ row, cells }, i) => {
          const level = book[side][i];
          row.classList.toggle('blank', !level);
          if (!level) return;
          total += Number(level[1]);
          CV.write(cells[0], format.number(Number(level[0]), decimals));
          CV.write(cells[1], format.number(Number(level[1]), lots));
          CV.write(cells[2], format.number(total, lots));
          row.style.setProperty('--share', (total / depth).toFixed(3));
        });
      }
      if (!book.asks.length || !book.bids.length) return;
      const ask = Number(book.asks[0][0]);
      const bid = Number(book.bids[0][0]);
      const percent = ((ask - bid) / ask) * 100;
      CV.write(this.spread, `${format.number(ask - bid, decimals)} · ${percent < 0.001 ? '<0.001' : format.number(percent, 3)}%`);
    }
  }

  const sum = (levels) => levels.reduce((total, level) => total + Number(level[1]), 0);

  CV.Book = Book;
})();
