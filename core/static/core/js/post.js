/** The HTTP API as pages ask it: JSON there and back, in the name of who is signed in, and every failure a Problem. */

const PROBLEM = "application/problem+json";
/** An answer that takes longer is given up, so that no button stays busy for ever. */
const PATIENCE_MS = 20_000;

/** @typedef {{field: string, message: string}} FieldError  a field by its path in the request's body, `to.user` */

/** Why a request was not done: as the server said it, or as a page has to say it where no server answered. */
export class Problem extends Error {
  /** @type {number} HTTP status; 0 where there was no answer */ status;
  /** @type {string} in two or three words */ title;
  /** @type {string} in a sentence, with what to do */ detail;
  /** @type {FieldError[]} */ errors;

  constructor({ status, title, detail = "", errors = [] }) {
    super(detail || title);
    Object.assign(this, { name: "Problem", status, title, detail, errors });
  }

  /** Has the sign-in ended? Then nothing but signing in again helps. */
  get signedOut() {
    return this.status === 401;
  }
}

/**
 * Send something to be done; it is sent to its end even when the page is left meanwhile.
 *
 * @param {string} url  of this site
 * @param {any} body  sent as JSON
 * @returns {Promise<any>} what was answered, null where there was no content
 * @throws {Problem}
 */
export const post = (url, body) =>
  ask(url, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    keepalive: true,
  });

/**
 * Ask for something.
 *
 * @param {string} url  of this site
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export const get = (url) => ask(url, { method: "GET", headers: {} });

async function ask(url, { headers, ...options }) {
  let response;
  try {
    response = await fetch(url, {
      ...options,
      headers: { Accept: "application/json", ...headers },
      credentials: "same-origin",
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.ok) return response.status === 204 ? null : await response.json();
  } catch {
    throw new Problem(unanswered(options.method));
  }
  throw new Problem(await whyNot(response));
}

/** The token stands in the page, so that a page of someone who has signed out or changed can do nothing any more. */
const csrfToken = () => document.querySelector("meta[name=csrf-token]")?.content ?? "";

const unanswered = (method) => ({
  status: 0,
  title: "No answer",
  detail:
    method === "GET"
      ? "The server could not be reached. Try again in a moment."
      : "The server did not answer, so it is not certain whether this was done. Look before you try again.",
});

async function whyNot(response) {
  // The API never leads elsewhere: a redirection is the way to the sign-in.
  const status = response.type === "opaqueredirect" ? 401 : response.status;
  if (status === 401)
    return { status, title: "You have been signed out", detail: "Sign in again and repeat this: it was not done." };
  if (response.headers.get("Content-Type")?.startsWith(PROBLEM)) {
    try {
      return { ...(await response.json()), status };
    } catch {
      // What broke off on the way is told like an answer of any other kind.
    }
  }
  return { status, title: "It did not work", detail: `The server answered with ${status}. Try again in a moment.` };
}
