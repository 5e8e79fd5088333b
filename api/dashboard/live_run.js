// One run as the server tells it, asked for again and again: no more often than it answers, and not while nobody looks.
import {ProblemError, RUNS, SilenceError, ask, openStream, withQuery} from "./api_requests.js";
import {copies} from "./run_words.js";
import {restAfter, sectionTrouble} from "./section_question.js";

const PACE_MS = 1000; // between two questions for the status, the map or the speed
const FOLLOW_AGAIN_MS = 2000; // after the stream of events broke off
const SETTLING_MS = 1500;
const CALM_MS = 15000; // of a run that is at its end: somebody else may roll it back
const SELDOM_MS = 2500; // for the cluster
const EFFORT = 6; // a status that takes long to answer is asked for so many times less often
const EVENTS_KEPT = 5000;
export const MAP_CELLS = 600;

/** What tells one end of a run from another. */
const endOf = ({status, finished_at: at, given_up_at: givenUp}) => JSON.stringify([status, at, givenUp]);

export class LiveRun {
  status = null;
  /** `source\u0000name` → table, in the order of the ledger. */
  tables = new Map();
  /** What the map, the speed and /api/v1/cluster say; null before they have. */
  map = null;
  speed = null;
  cluster = null;
  events = [];
  /** Whether the log has told anything yet: without it, that nothing has happened is not known. */
  hasLog = false;
  isUnknown = false;
  /** What was asked for without an answer: status, map, speed, cluster or events → the error. */
  troubles = new Map();

  #id;
  #tell;
  #timers = new Map();
  #end = new AbortController();
  #version = null;
  #lastEvent = 0;
  #seen = new Map();
  /** What came since the status did: shown with the next one, so that no part of the page is ahead of another. */
  #arrived = {};
  #arrivedEvents = [];
  #isFollowing = false;
  #turns = new Map();
  #onVisible = () => {
    if (!document.hidden) this.askAll();
  };

  /** `tell` is called after each answer, and each time that one is missing. */
  constructor(id, tell) {
    this.#id = id;
    this.#tell = tell;
    document.addEventListener("visibilitychange", this.#onVisible);
    this.askAll();
    this.#follow();
  }

  /** Why the status is missing, so that all that is shown is old; null: it is not. */
  get trouble() {
    return this.troubles.get("status") ?? null;
  }

  /** When the server last told the status. */
  get seenAt() {
    return this.#seen.get("status") ?? null;
  }

  /** What is wrong with one of the answers, as a line; nothing where all are missing, which stands above the page. */
  troubleSaid(name) {
    return sectionTrouble(this.trouble ? null : this.troubles.get(name), this.#seen.get(name));
  }

  get isOver() {
    return Boolean(this.status?.finished);
  }

  close() {
    this.#end.abort();
    document.removeEventListener("visibilitychange", this.#onVisible);
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /** Asks for everything now. */
  askAll() {
    this.#loop("status", () => this.#askStatus(), PACE_MS);
    if (this.status) this.#askParts();
  }

  /** What a run's page needs besides depends on what the run does: it is asked for once that is known. */
  #askParts() {
    this.#askOfCopy();
    this.#loop("cluster", () => this.#askCluster(), SELDOM_MS);
  }

  /** Of a comparison there is neither map nor speed. */
  #askOfCopy() {
    if (!copies(this.status.mode)) return;
    this.#loop("map", () => this.#askOf("map", `chunk-map?cells=${MAP_CELLS}`), PACE_MS);
    this.#loop("speed", () => this.#askOf("speed", "throughput"), PACE_MS);
  }

  #loop(name, question, pace) {
    clearTimeout(this.#timers.get(name));
    const turn = (this.#turns.get(name) || 0) + 1;
    this.#turns.set(name, turn);
    const once = async () => {
      const begun = performance.now();
      let rest = pace;
      try {
        await question();
        if (this.#turns.get(name) !== turn) return;
        this.#mend(name);
        if (this.isOver) rest = CALM_MS;
      } catch (error) {
        if (this.#end.signal.aborted || this.#turns.get(name) !== turn) return;
        this.#fail(name, error);
        rest = restAfter(error, 2 * pace);
      }
      if (this.#end.signal.aborted || this.isUnknown || this.#turns.get(name) !== turn) return;
      const effort = EFFORT * (performance.now() - begun);
      rest = Math.max(rest, effort);
      this.#timers.set(
        name,
        setTimeout(() => document.hidden || once(), rest),
      );
    };
    once();
  }

  #fail(name, error) {
    if (name === "status" && error instanceof ProblemError && error.status === 404) {
      this.isUnknown = true;
      this.#end.abort();
    } else {
      this.troubles.set(name, error);
    }
    this.#tell();
  }

  /** It has answered: what came is shown at once where trouble stood in its place. */
  #mend(name) {
    this.#seen.set(name, Date.now());
    if (!this.troubles.delete(name)) return;
    this.#show();
    this.#tell();
  }

  async #askStatus() {
    const before = this.status,
      wasOver = this.isOver,
      wasAway = this.trouble !== null;
    const path = withQuery(`${RUNS}/${encodeURIComponent(this.#id)}/status`, {tables: "all", since: this.#version});
    const status = await ask(path, {signal: this.#end.signal});
    if (status.tables_scope === "all") this.tables = new Map(); // else those that have changed since the last answer
    for (const table of status.tables) this.tables.set(`${table.source}\u0000${table.name}`, table);
    this.#version = status.version;
    this.status = status;
    this.#seen.set("status", Date.now());
    if (wasAway) this.troubles.clear(); // of the same silence: each part is asked anew before anything is said of it
    if (this.isOver) this.troubles.delete("cluster"); // nobody works on it any more
    this.#show();
    this.#tell();
    if (!before || wasAway) this.#askParts();
    else if (this.isOver !== wasOver) this.#askOfCopy(); // the last figures, or that it goes on
    // A run that is over may be rolled back, resumed or given up, by whomever: its log tells of it.
    if (!this.isOver || (before && endOf(status) !== endOf(before))) this.#follow();
  }

  #take(found, events = []) {
    Object.assign(this.#arrived, found);
    this.#arrivedEvents.push(...events);
    if (!this.isOver || this.trouble) return; // else nothing moves, and the next status is far away
    this.#show();
    this.#tell();
  }

  #show() {
    Object.assign(this, this.#arrived);
    this.#arrived = {};
    this.events.push(...this.#arrivedEvents.splice(0));
    if (this.events.length > EVENTS_KEPT) this.events.splice(0, this.events.length - EVENTS_KEPT);
  }

  async #askOf(name, what) {
    this.#take({[name]: await ask(`${RUNS}/${encodeURIComponent(this.#id)}/${what}`, {signal: this.#end.signal})});
  }

  async #askCluster() {
    if (this.isOver) return;
    this.#take({cluster: await ask("/api/v1/cluster", {signal: this.#end.signal})});
  }

  // EventSource cannot send a token, so the stream is read by hand.
  async #follow() {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    await this.#readOn();
    this.#isFollowing = false;
    if (!this.#end.signal.aborted && !this.isUnknown) this.#loop("status", () => this.#askStatus(), PACE_MS);
  }

  /** Until the run is at its end, or nobody wants to know. */
  async #readOn() {
    const signal = this.#end.signal;
    while (!signal.aborted && !this.isUnknown) {
      let rest = FOLLOW_AGAIN_MS,
        settling = 0;
      try {
        const body = await openStream(
          `${RUNS}/${encodeURIComponent(this.#id)}/events`,
          {"Last-Event-ID": String(this.#lastEvent)},
          signal,
        );
        // What there is comes at once: a stream that stays open and silent has nothing to tell.
        settling = setTimeout(() => this.#heard([]), SETTLING_MS);
        if (await this.#read(body.pipeThrough(new TextDecoderStream()).getReader())) return;
      } catch (error) {
        if (signal.aborted) return;
        const isKnown = error instanceof ProblemError || error instanceof SilenceError;
        this.#fail("events", isKnown ? error : new SilenceError(false));
        rest = restAfter(error, FOLLOW_AGAIN_MS);
      } finally {
        clearTimeout(settling);
      }
      await new Promise(done => setTimeout(done, rest));
    }
  }

  #heard(events) {
    this.#take({hasLog: true}, events);
    this.#mend("events");
  }

  /** Reads events until the stream breaks off; true: the run is at its end. Throws SilenceError where it tells nothing. */
  async #read(reader) {
    let rest = "",
      hasTold = false;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += part.value;
      const blocks = rest.split("\n\n");
      rest = blocks.pop();
      const events = [];
      for (const block of blocks) {
        if (/^event: end$/m.test(block)) {
          this.#heard(events);
          return true;
        }
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (!data) continue;
        const event = JSON.parse(data);
        this.#lastEvent = event.id;
        events.push(event);
      }
      if (events.length) {
        hasTold = true;
        this.#heard(events);
      }
    }
    if (!hasTold && !this.hasLog) throw new SilenceError(false);
    return false;
  }
}
