/* The order book: best levels of both sides with their depth. Not on the page until there is a book. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const ROW = 18; // --level
  const MOST_ROWS = 12;
  const PATIENCE = 5_000; // ms after which a source without a book is said to have none

  class Book {
    constructor(panel, socket, markets) {
      Object.assign(this, { panel, socket, markets });
      this.sides = { asks: panel.querySelector('.asks'), bids: panel.querySelector('.bids') };
      this.rows = { asks: [], bids: [] };
      this.spread = panel.querySelector('.spread-value');
      this.paint = () => this.draw();
      new ResizeObserver(() => this.fit()).observe(this.sides.asks);
    }

    show(symbol) {
      if (this.end) this.end();
      this.symbol = symbol;
      this.book = null;
      this.panel.dataset.state = 'loading';
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.book || (this.panel.dataset.state = 'empty'), PATIENCE);
      CV.frame(this.paint);
      this.end = this.socket.subscribe({ type: 'book', symbol, forming: true }, (book) => {
        this.book = book;
        CV.frame(this.paint);
      });
    }

    fit() {
      const wanted = Math.max(3, Math.min(MOST_ROWS, Math.floor(this.sides.asks.clientHeight / ROW)));
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
      this.panel.dataset.state = 'live';
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
