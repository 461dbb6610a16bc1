/* REST of this server: unwraps the envelope, tells errors apart, retries what may pass. */
(function () {
  'use strict';
  const CV = (window.CV = window.CV || {});

  class RestError extends Error {
    constructor(message, status, code) {
      super(message);
      this.status = status; // 0 when nothing answered
      this.code = code || '';
    }
  }

  /** `data` of the answer. Throws RestError, or AbortError. */
  const get = async (path, params, signal) => (await page(path, params, signal)).data;

  /** {data, next}: an answer, and the cursor of the page after it. */
  async function page(path, params, signal) {
    const query = new URLSearchParams(Object.entries(params || {}).filter(([, value]) => value !== undefined));
    let response;
    try {
      response = await fetch(`/api/v1/${path}${query.size ? '?' + query : ''}`, { signal, headers: { Accept: 'application/json' } });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new RestError('the server does not answer', 0);
    }
    let body = null;
    try {
      body = await response.json();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
    }
    if (!response.ok || !body || body.success === false) {
      throw new RestError((body && body.error) || `HTTP ${response.status}`, response.status, body && body.code);
    }
    return { data: body.data, next: (body.pagination && body.pagination.next_cursor) || null };
  }

  const ms = (text) => (text == null ? null : typeof text === 'number' ? text : Date.parse(text));

  CV.rest = { get, page, ms, RestError, iso: (time) => new Date(time).toISOString() };
})();
