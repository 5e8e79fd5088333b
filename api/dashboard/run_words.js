// What states are called and look like. Colour never says it alone: each has a word and a sign.
import {html} from "./shown_text.js";
import {count, number, words} from "./text_formats.js";

export const PHASES = ["pending", "snapshotting", "profiling", "copying", "indexing", "validating", "cutting_over"];
export const DRY_PHASES = ["pending", "snapshotting", "profiling", "copying"];
export const VALIDATE_PHASES = ["pending", "snapshotting", "validating"];
export const phasesOf = mode => ({"dry-run": DRY_PHASES, validate: VALIDATE_PHASES})[mode] || PHASES;

export const PHASE_TELLS = {
  pending: "waits for a producer",
  snapshotting: "freezing the sources",
  profiling: "reading every value once",
  copying: "copying rows",
  indexing: "building keys and indexes",
  validating: "reading back, comparing",
  cutting_over: "putting the tables in place",
};

/** What helps a run that has failed, where it cannot go on itself, or need not. */
export const WAYS_ON = {
  either: "Where the cause cannot be repaired, cancel it and start a new run like it.",
  start_over: "It would fail again. Cancel it, and start a new run like it.",
  ask_anew: "It would fail again. Cancel it, and start a new run that is asked for otherwise.",
};

const LOOKS = {
  completed: ["good", "✓"],
  completed_with_findings: ["warn", "!"],
  failed: ["bad", "×"],
  cancelled: ["ended", "–"],
  rolled_back: ["ended", "↺"],
  ready: ["warn", "‖"],
  paused: ["warn", "‖"],
};

/** A run's state in one word: that of its phase, or that somebody has paused it. */
export const stateOf = run => (run.paused_at && !run.finished_at ? "paused" : run.status);

const SAID = {
  completed: "completed",
  completed_with_findings: "with findings",
  ready: "proved, held",
  cutting_over: "cutting over",
};

export function badge(state) {
  const [look, sign] = LOOKS[state] || ["active", "▸"];
  return html`<span class=${`badge ${look}`}
    ><span aria-hidden="true">${sign}</span> ${SAID[state] || words(state)}</span
  >`;
}

export const MODE_SAID = {migrate: "migration", "dry-run": "dry-run", validate: "comparison"};

/** `3,716 loaded, 283 in quarantine of 3,999`: never as if rows that stayed out had arrived. */
export function rowsSaid(loaded, quarantined, total, mode = "migrate") {
  const done = mode === "dry-run" ? "would be loaded" : "loaded";
  if (!quarantined && loaded === total) return `all ${number(total)} ${done}`;
  const kept = quarantined ? `, ${number(quarantined)} ${mode === "dry-run" ? "would stay out" : "in quarantine"}` : "";
  return `${number(loaded)} ${done}${kept} of ${number(total)}`;
}

export const STATE_SIGNS = {done: "✓", running: "▸", failed: "×", pending: ""};

/** What a person reads of how far a phase's chunk is. */
export const chunkSaid = chunk =>
  `chunk ${chunk.position + 1} of ${count(chunk.chunks_of_table, "chunk")} of ${chunk.table}`;
