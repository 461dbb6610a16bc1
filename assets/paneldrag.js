/* A panel dragged by its header, or by its name in the dock, to another place. The keyboard has the panel's menu for that. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MEANT = 6; // px after which a press is a drag
  const RIM = 56; // px of the window's edge that stand for a column, or a dock, that is not there

  const element = (className) => Object.assign(document.createElement('div'), { className });

  class PanelDrag {
    constructor(layout) {
      this.layout = layout;
      layout.panels.all.forEach((panel) => {
        this.handle(panel.section.querySelector('.panel-head'), panel);
        this.handle(layout.tabs.get(panel.id), panel);
      });
    }

    handle(grip, panel) {
      grip.addEventListener('pointerdown', (event) => {
        const control = event.target.closest('button, select, input, a');
        if (event.button !== 0 || event.pointerType === 'touch' || (control && control !== grip)) return;
        this.begin(event, grip, panel);
      });
    }

    begin(down, grip, panel) {
      const abort = new AbortController();
      const on = (type, listener) => addEventListener(type, listener, { signal: abort.signal, capture: true });
      const end = () => {
        abort.abort();
        if (!this.ghost) return;
        this.ghost.remove();
        this.line.remove();
        this.ghost = this.line = null;
        this.layout.root.classList.remove('moving');
      };
      on('pointermove', (event) => {
        if (!this.ghost && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < MEANT) return;
        event.preventDefault();
        if (!this.ghost) this.lift(panel);
        this.ghost.style.transform = `translate(${event.clientX + 8}px, ${event.clientY + 8}px)`;
        this.mark((this.place = this.target(event.clientX, event.clientY, panel.id)));
      });
      on('pointerup', () => {
        const dragged = Boolean(this.ghost);
        const { place } = this;
        end();
        if (!dragged) return;
        // The click that follows would open or close the tab that was dragged.
        const click = new AbortController();
        addEventListener('click', (event) => event.stopPropagation(), { capture: true, signal: click.signal });
        setTimeout(() => click.abort());
        if (place) this.layout.move(panel.id, place.area, place.at);
      });
      on('pointercancel', end);
      on('keydown', (event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        end();
      });
    }

    lift(panel) {
      this.ghost = Object.assign(element('panel-ghost'), { textContent: panel.title });
      this.line = element('panel-line');
      document.body.append(this.ghost, this.line);
      this.layout.root.classList.add('moving');
    }

    /** {area, at, box}: where a panel let go at (x, y) would lie; null where it would stay. */
    target(x, y, id) {
      const { layout } = this;
      const inside = (box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
      let area = [...layout.areas].map(([name, home]) => [name, home.getBoundingClientRect()]).find(([, box]) => box.width && inside(box));
      if (!area) {
        const { top } = layout.root.querySelector('#chart').getBoundingClientRect();
        if (x < RIM) area = ['left', new DOMRect(0, top, 4, innerHeight - top)];
        else if (x > innerWidth - RIM) area = ['right', new DOMRect(innerWidth - 4, top, 4, innerHeight - top)];
        else if (y > innerHeight - RIM) area = ['dock', new DOMRect(0, innerHeight - 4, innerWidth, 4)];
        else return null;
      }
      const [name, box] = area;
      const ids = layout.visible(name).filter((each) => each !== id);
      const parts = ids.map((each) => (name === 'dock' ? layout.tabs.get(each) : layout.panels.get(each).section).getBoundingClientRect());
      const before = parts.findIndex((part) => (name === 'dock' ? x < part.left + part.width / 2 : y < part.top + part.height / 2));
      const next = before < 0 ? null : ids[before];
      const all = layout.shape.areas[name].filter((each) => each !== id);
      const at = next ? all.indexOf(next) : all.length;
      const part = parts[before < 0 ? parts.length - 1 : before];
      if (!part) return { area: name, at, box };
      const edge = before < 0;
      if (name === 'dock') return { area: name, at, box: new DOMRect((edge ? part.right : part.left) - 1, part.top, 3, part.height) };
      return { area: name, at, box: new DOMRect(box.left, (edge ? part.bottom : part.top) - 2, box.width, 4) };
    }

    mark(place) {
      this.line.hidden = !place;
      if (!place) return;
      const { left, top, width, height } = place.box;
      Object.assign(this.line.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    }
  }

  CV.PanelDrag = PanelDrag;
})();
