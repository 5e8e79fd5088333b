// Every request to the API goes through here: the token, the time limit, and problems as errors with a sentence.

const TOKEN_KEY = "convoy-token";
const PATIENCE_MS = 20000; // a server that is frozen must not leave a page without a word
export const RUNS = "/api/v1/migration";
export const CLUSTER = "/api/v1/cluster";

/**
 * The server answered, and not with success. `members` is its whole problem document (RFC 9457); null: what answered
 * sends none, so it was a proxy on the way. `retryMs`: so long nobody should ask again; 0: nothing was said.
 */
export class ProblemError extends Error {
  constructor(status, members, retryMs = 0) {
    super(members ? members.detail || members.title || `The server answered with status ${status}.` : onTheWay(status));
    this.status = status;
    this.code = members?.code || "";
    this.members = members || {};
    this.retryMs = retryMs;
  }
}

const onTheWay = status =>
  status === 429
    ? "A proxy before the server takes no more requests for now (status 429). The server is not asked; what runs there goes on."
    : `A proxy before the server answered with status ${status}, and not the server itself. What runs there goes on.`;

/** Nobody answered, or not in time. */
export class SilenceError extends Error {
  constructor(wasSlow) {
    super(
      wasSlow ? `The server did not answer within ${PATIENCE_MS / 1000} seconds.` : "The server cannot be reached.",
    );
  }
}

let aheadMs = 0; // of the server's clock before this browser's
/** What the server's clock shows, in milliseconds since 1970, to a second. */
export const serverNow = () => Date.now() + aheadMs;

// A page that is left has its requests ended by the browser: nobody is there to be told of a server that is silent.
let isLeft = false;
addEventListener("pagehide", () => (isLeft = true));
addEventListener("pageshow", () => (isLeft = false));

let refused = () => {};
// Whether the present token has been right once: beside it, so that a page that is loaded anew knows it, too.
const PROVED_KEY = "convoy-token-was-right";

/** `listener` is told when the server refuses the token; true: it was right before. */
export function onRefusedToken(listener) {
  refused = listener;
}

export function token() {
  return sessionStorage.getItem(TOKEN_KEY) || "";
}

export function keepToken(value) {
  sessionStorage.removeItem(PROVED_KEY);
  if (value) sessionStorage.setItem(TOKEN_KEY, value);
  else sessionStorage.removeItem(TOKEN_KEY);
}

async function send(path, {method = "GET", body, headers = {}, signal, isStream = false} = {}) {
  const limit = new AbortController();
  const slow = setTimeout(() => limit.abort(), PATIENCE_MS);
  const stop = () => limit.abort();
  signal?.addEventListener("abort", stop);
  const shown = token();
  const sent = {Authorization: `Bearer ${shown}`, ...headers};
  if (body !== undefined) sent["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, {
      method,
      headers: sent,
      signal: limit.signal,
      cache: "no-cache",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const told = Date.parse(answer.headers.get("Date"));
    if (told) aheadMs = told - Date.now();
    if (answer.ok) {
      if (token() === shown) sessionStorage.setItem(PROVED_KEY, "yes");
      return answer;
    }
    const isOurs = (answer.headers.get("Content-Type") || "").startsWith("application/problem+json");
    const members = isOurs ? await answer.json().catch(() => ({})) : null;
    if (answer.status === 401 && token() === shown) {
      // Of several requests under way, the first that is refused says so: by the next, the token is gone already.
      const before = sessionStorage.getItem(PROVED_KEY) !== null;
      keepToken("");
      refused(before);
    }
    throw new ProblemError(answer.status, members, 1000 * (Number(answer.headers.get("Retry-After")) || 0));
  } catch (error) {
    if (isLeft) await new Promise(() => {});
    if (error instanceof ProblemError || signal?.aborted) throw error;
    throw new SilenceError(limit.signal.aborted);
  } finally {
    clearTimeout(slow);
    if (!isStream) signal?.removeEventListener("abort", stop); // a stream goes on until it is stopped
  }
}

/** The JSON of an answer. Throws ProblemError or SilenceError; AbortError where `signal` was used. */
export async function ask(path, options) {
  return (await send(path, options)).json();
}

/** The body as a file. */
export async function fetchFile(path) {
  return (await send(path)).blob();
}

/** The body as it comes; its reader gives up only when `signal` says so. */
export async function openStream(path, headers, signal) {
  return (await send(path, {headers, signal, isStream: true})).body;
}

export function post(path, body, headers) {
  return ask(path, {method: "POST", body, headers});
}

/** A path with the parameters that have a value. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams(
    Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== ""),
  );
  return query.size ? `${path}?${query}` : path;
}

/** A key under which the same request may be sent again; crypto.randomUUID is missing where a page came without TLS. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
}
