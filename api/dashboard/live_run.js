// One run as the server tells it, asked for again and again: no more often than it answers, and not while nobody looks.
import {ProblemError, RUNS, ask, openStream, withQuery} from "./api_requests.js";

const PACE_MS = 1000; // between two questions for the status, or the map and the speed
const CALM_MS = 15000; // of a run that is at its end: somebody else may roll it back
const SELDOM_MS = 2500; // for the cluster
const EFFORT = 6; // a status that takes long to answer is asked for so many times less often
const EVENTS_KEPT = 5000;
export const MAP_CELLS = 600;

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
      if (this.#end.signal.aborted || this.isUnknown) return;
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
    const wasOver = this.isOver;
    const path = withQuery(`${RUNS}/${encodeURIComponent(this.#id)}/status`, {tables: "all", since: this.#version});
    const status = await ask(path, {signal: this.#end.signal});
    if (status.tables_scope === "all") this.tables = new Map(); // else those that have changed since the last answer
    for (const table of status.tables) this.tables.set(`${table.source}\u0000${table.name}`, table);
    this.#version = status.version;
    this.status = status;
    this.seenAt = Date.now();
    this.trouble = null;
    this.#tell();
    if (this.isOver !== wasOver) {
      // the last figures, or that it goes on
      this.#loop("map", () => this.#askMap(), PACE_MS);
      if (wasOver) this.#follow();
    }
  }

  async #askMap() {
    const about = `${RUNS}/${encodeURIComponent(this.#id)}`,
      signal = this.#end.signal;
    [this.map, this.speed] = await Promise.all([
      ask(`${about}/chunk-map?cells=${MAP_CELLS}`, {signal}),
      ask(`${about}/throughput`, {signal}),
    ]);
    if (this.status) this.#tell();
  }

  async #askCluster() {
    if (this.isOver) return;
    this.cluster = await ask("/api/v1/cluster", {signal: this.#end.signal});
    if (this.status) this.#tell();
  }

  // EventSource cannot send a token, so the stream is read by hand.
  async #follow() {
    const signal = this.#end.signal;
    while (!signal.aborted && !this.isUnknown) {
      try {
        const body = await openStream(
          `${RUNS}/${encodeURIComponent(this.#id)}/events`,
          {"Last-Event-ID": String(this.#lastEvent)},
          signal,
        );
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        if (await this.#read(reader)) {
          this.askAll();
          return;
        }
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
      for (const block of blocks) {
        if (/^event: end$/m.test(block)) return true;
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (!data) continue;
        const event = JSON.parse(data);
        this.#lastEvent = event.id;
        this.events.push(event);
      }
      if (this.events.length > EVENTS_KEPT) this.events.splice(0, this.events.length - EVENTS_KEPT);
      if (this.status) this.#tell();
    }
    return false;
  }
}
