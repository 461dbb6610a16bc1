/* REST of this server: unwraps the envelope, tells errors apart, renews the login where one is needed. */
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
    const body = await call(`${path}${query.size ? '?' + query : ''}`, { signal, headers: { Accept: 'application/json' } });
    return { data: body.data, next: (body.pagination && body.pagination.next_cursor) || null };
  }

  /** Change something: `data` of the answer. A cookie is not enough for that. */
  async function send(method, path, body) {
    const headers = { 'Content-Type': 'application/json' };
    const token = await CV.access.token();
    if (token) headers.Authorization = `Bearer ${token}`;
    return (await call(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })).data;
  }

  async function call(path, options, again) {
    let response;
    try {
      response = await fetch(`/api/v1/${path}`, options);
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
    if (response.status === 401 && CV.access.on && !again) {
      // The computer slept longer than a token lives.
      const token = await CV.access.renew().catch(() => null);
      const { Authorization, ...headers } = options.headers;
      if (token) return call(path, { ...options, headers: Authorization ? { ...headers, Authorization: `Bearer ${token}` } : headers }, true);
    }
    if (!response.ok || !body || body.success === false) {
      throw new RestError((body && body.error) || `HTTP ${response.status}`, response.status, body && body.code);
    }
    return body;
  }

  const ms = (text) => (text == null ? null : typeof text === 'number' ? text : Date.parse(text));

  CV.rest = { get, page, send, ms, RestError, iso: (time) => new Date(time).toISOString() };
})();
