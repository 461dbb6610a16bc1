/* A diamond on the time axis for each article: links, so that they can be reached and read as what they are. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const MOST = 60;

  class NewsMarks {
    constructor(element) {
      this.element = element;
      this.marks = [];
    }

    /** `articles`: newest first. */
    show(articles, chart) {
      this.marks = articles.slice(0, MOST).map((article) => {
        const href = CV.article.link(article.url);
        const mark = document.createElement(href ? 'a' : 'span');
        if (href) Object.assign(mark, { href, target: '_blank', rel: 'noopener noreferrer nofollow' });
        mark.className = 'news-mark';
        mark.dataset.direction = CV.article.mood(article.sentiment_score);
        mark.title = `${article.source}: ${article.title}`;
        mark.ariaLabel = mark.title;
        return { mark, time: CV.rest.ms(article.time) };
      });
      this.element.replaceChildren(...this.marks.map(({ mark }) => mark));
      this.place(chart);
    }

    place({ view, series }) {
      // An article is newer than the newest bar at most by a bar; away from it, it is simply out of view.
      const newest = !series || !series.last ? 0 : series.live ? series.last.t + series.step : Infinity;
      const now = series && series.replay ? series.replay.clock : Infinity; // a replay does not know yet what comes
      for (const { mark, time } of this.marks) {
        const x = view.x(Math.min(time, newest));
        const shown = x >= 0 && x <= view.width && time <= now;
        mark.hidden = !shown;
        if (shown) mark.style.transform = `translateX(${Math.round(x)}px)`;
      }
    }
  }

  CV.NewsMarks = NewsMarks;
})();
