/*
 * The table of all markets: AG Grid, as dash-ag-grid brings it. It is half a megabyte, so it is fetched here, where it is shown, and put
 * into Dash's layout from here. Rows move by transactions, and no callback is involved: nothing of it asks the server.
 */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const ID = 'markets-grid';
  const SETTLE = 2_000; // ms between two orderings: figures move all the time, and rows that do cannot be read
  const NARROW = matchMedia('(max-width: 760px)');
  // Each has its own: the few that a narrow page begins with must not be all that a wide one shows.
  const KEPT = NARROW.matches ? 'cryptoviz.columns.narrow' : 'cryptoviz.columns';
  // What the phone has room for; the others can be chosen there, too.
  const FIRST = ['symbol', 'last', 'change', 'volume'];

  const signed = (value, digits) => `${value > 0 ? '+' : ''}${CV.format.number(value, digits)}`;
  const known = (write) => ({ value, data }) => (value === null || value === undefined ? '–' : write(value, data));

  /** What the columns' strings below may call: the grid reads them itself, without eval. */
  const FUNCTIONS = {
    marketPrice: known((value, row) => CV.format.number(value, CV.Board.digits(row))),
    marketChange: known((value) => CV.format.percent(value)),
    marketVolume: known((value) => CV.format.compact(value)),
    marketRsi: known((value) => CV.format.number(value, 1)),
    marketTrend: known((value) => `${CV.format.arrow(value)} ${CV.format.percent(value)}`),
    marketMood: known((value) => signed(value, 2)),
    /** Favourites stand first, whatever is sorted by. */
    marketStarsFirst: ({ nodes }) => nodes.sort((a, b) => b.data.starred - a.data.starred),
    marketSearch: (parts, text) => parts.every((part) => text.toUpperCase().includes(part)),
  };

  function renderers() {
    const { createElement: h } = window.React;
    return {
      MarketSymbol: ({ data: { symbol, starred } }) => h('span', { className: 'symbol' },
        h('button', {
          className: 'plain star', type: 'button', 'aria-pressed': Boolean(starred), onClick: () => CV.stars.toggle(symbol),
          title: `${symbol}: ${starred ? 'a favourite' : 'make it a favourite'}`, 'aria-label': `${symbol}: ${starred ? 'a favourite' : 'make it a favourite'}`,
        }, starred ? '★' : '☆'),
        h('a', { href: `/t/${CV.format.plain(symbol)}` }, symbol)),
      MarketSpark: ({ value, data }) => h('svg', { viewBox: '0 0 80 20', 'aria-hidden': true, 'data-direction': CV.format.direction(data.change) }, h('path', { d: value })),
    };
  }

  const UP_DOWN = { up: 'params.value > 0', down: 'params.value < 0' };
  const number = (field, headerName, headerTooltip, write, more) => ({
    field, headerName, headerTooltip, valueFormatter: { function: `${write}(params)` }, headerClass: 'ag-right-aligned-header', cellClass: [field, 'ag-right-aligned-cell'], ...more,
  });

  const COLUMNS = () => [
    {
      field: 'symbol', headerName: 'Symbol', cellRenderer: 'MarketSymbol', pinned: 'left', lockPinned: true, suppressMovable: true, filter: false, width: 160, flex: 0,
      sortingOrder: ['asc', 'desc'],
    },
    number('last', 'Price', 'Last trade', 'marketPrice', { enableCellChangeFlash: !CV.calm.matches, cellClassRules: { rose: 'params.data.moved > 0', fell: 'params.data.moved < 0' } }),
    number('change', '24 h', 'Change since 24 hours ago', 'marketChange', { cellClassRules: UP_DOWN }),
    { field: 'spark', headerName: 'Course', headerTooltip: 'Close of each of the last 24 hours', cellRenderer: 'MarketSpark', sortable: false, filter: false, cellClass: 'spark' },
    number('high', 'High', 'Highest price of 24 hours', 'marketPrice'),
    number('low', 'Low', 'Lowest price of 24 hours', 'marketPrice'),
    number('volume', 'Volume', 'Traded in 24 hours, in the quote currency', 'marketVolume', { sort: 'desc' }),
    number('rsi', 'RSI 1 h', 'RSI(14) of the last closed hour: above 70 overbought, below 30 oversold', 'marketRsi', { cellClassRules: { up: 'params.value < 30', down: 'params.value > 70' } }),
    number('trend', 'Trend 1 h', 'Price against the mean of the last 20 hours', 'marketTrend', { cellClassRules: UP_DOWN }),
    number('mood', 'Sentiment', 'Sentiment of the news of a day, −1 to 1', 'marketMood', { cellClassRules: UP_DOWN }),
    // Only to be filtered by.
    { field: 'starred', headerName: 'Favourites', hide: true, suppressColumnsToolPanel: true },
  ];

  /** What the grid itself says: its key → English. */
  const SAYS = {
    noRowsToShow: 'No market is followed.', noMatchingRows: 'No market matches. Widen the filters.', loadingOoo: 'Loading…', of: 'of', to: 'to',
    equals: 'Equals', notEqual: 'Does not equal', greaterThan: 'More than', greaterThanOrEqual: 'At least', lessThan: 'Less than', lessThanOrEqual: 'At most', inRange: 'Between',
    inRangeStart: 'From', inRangeEnd: 'To', filterOoo: 'Filter…', andCondition: 'And', orCondition: 'Or', blank: 'Unknown', notBlank: 'Known',
    ariaFilterInput: 'Filter value', ariaFilterFromValue: 'From', ariaFilterToValue: 'To', ariaFilteringOperator: 'How to compare', ariaFilterMenuOpen: 'Open the filter', ariaColumnFilter: 'Filter of the column',
    ariaColumn: 'Column', ariaSortableColumn: 'Press Enter to sort', ariaFilterColumn: 'Press Ctrl and Enter to open the filter', ariaMenuColumn: 'Press Alt and Down for the menu', applyFilter: 'Apply', resetFilter: 'Reset',
    clearFilter: 'Clear', cancelFilter: 'Cancel',
  };

  const said = (column) => ({ ...column, headerName: CV.texts.of(column.headerName), headerTooltip: column.headerTooltip && CV.texts.of(column.headerTooltip) });

  function fetchScript() {
    if (window.dash_ag_grid) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement('script'), { src: document.querySelector('meta[name=grid]').content, onload: resolve });
      script.onerror = () => reject(new Error('the table cannot be loaded'));
      document.head.append(script);
    });
  }

  class GridTable {
    /** `slot`: an element of Dash's layout, known by its id. */
    constructor(slot, board) {
      this.slot = slot;
      this.board = board;
      this.listeners = new Set();
    }

    /** Resolves when it can be asked; what fails can be tried again. */
    open() {
      this.opening = this.opening || this.make().catch((error) => {
        this.opening = null;
        throw error;
      });
      return this.opening;
    }

    async make() {
      await Promise.all([fetchScript(), CV.texts.ready]);
      window.dashAgGridFunctions = { ...window.dashAgGridFunctions, ...FUNCTIONS };
      window.dashAgGridComponentFunctions = { ...window.dashAgGridComponentFunctions, ...renderers() };
      const rows = [...this.board.rows.values()];
      this.slot.style.setProperty('--rows', rows.length);
      window.dash_clientside.set_props(this.slot.id, {
        children: {
          namespace: 'dash_ag_grid', type: 'AgGrid',
          props: {
            id: ID, rowData: rows, columnDefs: COLUMNS().map(said), getRowId: 'params.data.symbol', className: '', style: { height: '100%', width: '100%' },
            defaultColDef: {
              flex: 1, minWidth: 96, filter: 'agNumberColumnFilter', floatingFilter: !NARROW.matches, suppressHeaderMenuButton: true, sortingOrder: ['desc', 'asc'],
              filterParams: { defaultOption: 'greaterThan', filterOptions: ['greaterThan', 'lessThan', 'inRange'], maxNumConditions: 1, debounceMs: 150 },
            },
            dashGridOptions: {
              theme: { function: 'themeQuartz' }, rowHeight: NARROW.matches ? 44 : 32, headerHeight: 32, floatingFiltersHeight: 36, localeText: Object.fromEntries(Object.entries(SAYS).map(([key, english]) => [key, CV.texts.of(english)])),
              cellFlashDuration: 300, cellFadeDuration: 0, animateRows: false, suppressColumnVirtualisation: true, suppressModelUpdateAfterUpdateTransaction: true, suppressCellFocus: false, tooltipShowDelay: 500,
              postSortRows: { function: 'marketStarsFirst(params)' }, quickFilterMatcher: { function: 'marketSearch(quickFilterParts, rowQuickFilterAggregateText)' },
              columnHoverHighlight: false, suppressDragLeaveHidesColumns: true,
            },
          },
        },
      });
      this.api = await window.dash_ag_grid.getApiAsync(ID);
      const kept = this.kept();
      if (kept) this.api.applyColumnState({ state: kept, applyOrder: true });
      else if (NARROW.matches) this.api.setColumnsVisible(this.columns().map(({ id }) => id).filter((id) => !FIRST.includes(id)), false);
      ['columnVisible', 'columnMoved', 'columnResized', 'sortChanged'].forEach((name) => this.api.addEventListener(name, () => this.keep()));
      ['filterChanged', 'sortChanged', 'modelUpdated'].forEach((name) => this.api.addEventListener(name, () => this.listeners.forEach((listener) => listener(this))));
      this.slot.dataset.state = 'ready';
      setInterval(() => this.settle(), SETTLE);
      this.move(null);
    }

    onChange(listener) {
      this.listeners.add(listener);
    }

    /** Rows in which something changed; null: all. They keep their places until the table settles. */
    move(rows) {
      if (!this.api) return;
      this.api.applyTransaction({ update: rows || [...this.board.rows.values()] });
      this.unsettled = true;
      if (!rows) this.settle();
    }

    /** Order and screens by the figures as they are now; not under a pointer that is about to click. */
    settle() {
      if (!this.unsettled || document.hidden || this.slot.matches(':hover')) return;
      this.unsettled = false;
      this.api.refreshClientSideRowModel('filter');
    }

    search(text) {
      this.api.setGridOption('quickFilterText', text.trim().replace(/[-\s]/g, '/'));
    }

    /** {filter, sort}: what a screen is. */
    get screen() {
      const sorted = this.api.getColumnState().find(({ sort }) => sort);
      return { filter: this.api.getFilterModel() || {}, sort: sorted ? [sorted.colId, sorted.sort] : null };
    }

    use({ filter, sort }) {
      this.api.setFilterModel(filter);
      if (sort) this.api.applyColumnState({ state: [{ colId: sort[0], sort: sort[1] }], defaultState: { sort: null } });
    }

    /** Those that can be chosen: {id, name, shown}. */
    columns() {
      return this.api.getColumns().filter((one) => !['symbol', 'starred'].includes(one.getColId()))
        .map((one) => ({ id: one.getColId(), name: one.getColDef().headerName, shown: one.isVisible() }));
    }

    show(id, shown) {
      this.api.setColumnsVisible([id], shown);
    }

    reset() {
      CV.kept.write(KEPT, '');
      this.api.resetColumnState();
    }

    kept() {
      try {
        const kept = JSON.parse(CV.kept.read(KEPT) || 'null');
        return Array.isArray(kept) ? kept : null;
      } catch {
        return null; // a stranger's entry
      }
    }

    keep() {
      const state = this.api.getColumnState().map(({ colId, hide, sort, width, flex }) => ({ colId, hide, sort, ...(flex ? { flex } : { width, flex: null }) }));
      CV.kept.write(KEPT, JSON.stringify(state));
    }
  }

  CV.GridTable = GridTable;
})();
