/* An article as the feed and the dock show it. Articles are text here, never markup. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  const DAY = 86_400_000;
  // What a headline must score to be called good or bad: the limits of docs/sentiment.md.
  const GOOD = 0.25;
  const BAD = -0.459;

  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || '', textContent: text || '' });
  const mood = (score) => (score === null || score === undefined ? 0 : score > GOOD ? 1 : score <= BAD ? -1 : 0);

  function since(ms) {
    if (ms < 60_000) return 'just now';
    if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min ago`;
    if (ms < 129_600_000) return `${Math.round(ms / 3_600_000)} h ago`;
    return ms < 30 * DAY ? `${Math.round(ms / DAY)} d ago` : CV.format.day(Date.now() - ms);
  }

  /** Only what a browser may be sent to; feeds are hostile. */
  function link(url) {
    try {
      const { protocol } = new URL(url);
      return protocol === 'https:' || protocol === 'http:' ? url : null;
    } catch {
      return null;
    }
  }

  /** Open or close what made the score: each word, what it did, and why it counts. */
  async function explain(line, score, url) {
    const open = line.querySelector('.reasons');
    score.setAttribute('aria-expanded', String(!open));
    if (open) return void open.remove();
    const reasons = element('ul', 'reasons');
    const say = (text) => reasons.replaceChildren(element('li', '', CV.texts.of(text)));
    say('Loading…');
    line.append(reasons);
    try {
      const { parts } = await CV.rest.get('news/explain', { url });
      if (!parts.length) return say('No word of this headline counts for or against.');
      reasons.replaceChildren(...parts.map(({ term, effect, reason }) => {
        const row = element('li');
        const sum = element('b', '', `${CV.format.arrow(effect)} ${effect > 0 ? '+' : ''}${CV.format.number(effect, 1)}`);
        sum.dataset.direction = Math.sign(effect);
        row.append(sum, element('q', '', term), element('span', '', reason));
        return row;
      }));
    } catch (error) {
      say(`The reasons cannot be loaded: ${error.message}.`);
    }
    return undefined;
  }

  /** A list item. `bySymbol`: coin → symbol that is followed; `now`: the server's time. */
  function line(article, time, bySymbol, now) {
    const direction = mood(article.sentiment_score);
    const line = element('li', 'article');
    Object.assign(line.dataset, { time, url: article.url });
    const scored = article.sentiment_score !== null && article.sentiment_score !== undefined;
    const score = element(scored ? 'button' : 'span', 'score', scored ? `${CV.format.arrow(direction)} ${article.sentiment_score > 0 ? '+' : ''}${CV.format.number(article.sentiment_score, 2)}` : '–');
    score.dataset.direction = direction;
    score.title = `Sentiment of the headline, −1 to 1: ${['bad', 'neutral', 'good'][direction + 1]}`;
    if (scored) {
      score.type = 'button';
      score.setAttribute('aria-expanded', 'false');
      score.addEventListener('click', () => explain(line, score, article.url));
    }
    const href = link(article.url);
    const title = Object.assign(element(href ? 'a' : 'span', 'headline', article.title), href ? { href, target: '_blank', rel: 'noopener noreferrer nofollow' } : {});
    const teaser = element('p', 'teaser', article.content.slice(0, 240));
    const about = element('p', 'about');
    const age = element('time', '', since(now - time));
    age.dateTime = new Date(time).toISOString();
    age.title = CV.format.exact(time);
    about.append(element('span', '', article.source), age);
    for (const coin of article.symbols) {
      const symbol = bySymbol.get(coin);
      about.append(symbol ? Object.assign(element('a', 'coin', coin.toUpperCase()), { href: `/t/${CV.format.plain(symbol)}` }) : element('span', 'coin', coin.toUpperCase()));
    }
    line.append(score, title, teaser, about);
    return line;
  }

  CV.article = { GOOD, BAD, mood, since, link, line };
})();
