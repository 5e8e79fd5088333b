// One run as the server tells it, asked for again and again: no more often than it answers, and not while nobody looks.
import {ProblemError, RUNS, ask, openStream, withQuery} from "./api_requests.js";

const PACE_MS = 1000; // between two questions for the status, or the map and the speed
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
  map = null;
  speed = null;
  /** What /api/v1/cluster says; null before it has. */
  cluster = null;
  events = [];
  /** When the server last answered. */
  seenAt = null;
  trouble = null;
  isUnknown = false;

  #id;
  #tell;
  #timers = new Map();
  #end = new AbortController();
  #version = null;
  #lastEvent = 0;
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
    this.#loop("map", () => this.#askMap(), PACE_MS);
    this.#loop("cluster", () => this.#askCluster(), SELDOM_MS);
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
      } catch (error) {
        if (this.#end.signal.aborted) return;
        if (name === "status") this.#fail(error);
        rest = Math.max(2 * pace, error.retryMs || 0);
      }
      if (this.#end.signal.aborted || this.isUnknown || this.#turns.get(name) !== turn) return;
      const effort = EFFORT * (performance.now() - begun);
      rest = Math.max(this.isOver ? CALM_MS : rest, effort);
      this.#timers.set(
        name,
        setTimeout(() => document.hidden || once(), rest),
      );
    };
    once();
  }

  #fail(error) {
    if (error instanceof ProblemError && error.status === 404) {
      this.isUnknown = true;
      this.#end.abort();
    } else {
      this.trouble = error;
    }
    this.#tell();
  }

  async #askStatus() {
    const before = this.status,
      wasOver = this.isOver;
    const path = withQuery(`${RUNS}/${encodeURIComponent(this.#id)}/status`, {tables: "all", since: this.#version});
    const status = await ask(path, {signal: this.#end.signal});
    if (status.tables_scope === "all") this.tables = new Map(); // else those that have changed since the last answer
    for (const table of status.tables) this.tables.set(`${table.source}\u0000${table.name}`, table);
    this.#version = status.version;
    this.status = status;
    this.seenAt = Date.now();
    this.trouble = null;
    this.#show();
    this.#tell();
    if (this.isOver !== wasOver) this.#loop("map", () => this.#askMap(), PACE_MS); // the last figures, or that it goes on
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

  async #askMap() {
    const about = `${RUNS}/${encodeURIComponent(this.#id)}`,
      signal = this.#end.signal;
    const [map, speed] = await Promise.all([
      ask(`${about}/chunk-map?cells=${MAP_CELLS}`, {signal}),
      ask(`${about}/throughput`, {signal}),
    ]);
    this.#take({map, speed});
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
      try {
        const body = await openStream(
          `${RUNS}/${encodeURIComponent(this.#id)}/events`,
          {"Last-Event-ID": String(this.#lastEvent)},
          signal,
        );
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        if (await this.#read(reader)) return;
      } catch (error) {
        if (signal.aborted || (error instanceof ProblemError && error.status === 404)) return;
      }
      await new Promise(done => setTimeout(done, 2000));
    }
  }

  /** Reads events until the stream breaks off; true: the run is at its end. */
  async #read(reader) {
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += part.value;
      const blocks = rest.split("\n\n");
      rest = blocks.pop();
      const events = [];
      for (const block of blocks) {
        if (/^event: end$/m.test(block)) {
          this.#take({}, events);
          return true;
        }
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (!data) continue;
        const event = JSON.parse(data);
        this.#lastEvent = event.id;
        events.push(event);
      }
      if (events.length) this.#take({}, events);
    }
    return false;
  }
}
