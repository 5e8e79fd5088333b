// What states are called and look like. Colour never says it alone: each has a word and a sign.
import {html} from "./shown_text.js";
import {count, number, words} from "./text_formats.js";

export const PHASES = ["pending", "snapshotting", "profiling", "copying", "indexing", "validating", "cutting_over"];
export const DRY_PHASES = ["pending", "snapshotting", "profiling", "copying"];
export const VALIDATE_PHASES = ["pending", "snapshotting", "validating"];
export const phasesOf = mode => ({"dry-run": DRY_PHASES, validate: VALIDATE_PHASES})[mode] || PHASES;

/** Whether rows go anywhere, or would: a comparison has no chunks, no copy and no quarantine. */
export const copies = mode => mode !== "validate";

// What a dry-run does is no copy, though its phase is called so in the ledger.
const OTHER_NAMES = {"dry-run": {copying: "trial copy"}};

/** A state or phase as a person reads it. */
export const phaseSaid = (phase, mode) => OTHER_NAMES[mode]?.[phase] ?? words(phase);

export const PHASE_TELLS = {
  pending: "waits for a producer",
  snapshotting: "freezing the sources",
  profiling: "reading every value once",
  copying: "copying rows",
  indexing: "building keys and indexes",
  validating: "reading back, comparing",
  cutting_over: "putting the tables in place",
};

const OTHERS_TELL = {
  "dry-run": {copying: "converting rows; nothing is written"},
  validate: {validating: "reading both sides, comparing"},
};

/** What a run is at in a phase; undefined: it is no phase of work. */
export const phaseTells = (phase, mode) => OTHERS_TELL[mode]?.[phase] ?? PHASE_TELLS[phase];

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

export function badge(state, mode) {
  const [look, sign] = LOOKS[state] || ["active", "▸"];
  return html`<span class=${`badge ${look}`}
    ><span aria-hidden="true">${sign}</span> ${SAID[state] || phaseSaid(state, mode)}</span
  >`;
}

/** Where a run's tables go, or stand: tenants have tables of the same names. */
export function placeOf(run) {
  const schema = run.schema_per_source ? "a schema for each source" : run.target_schema;
  return run.target ? `${run.target}, ${run.schema_per_source ? schema : `schema ${schema}`}` : schema;
}

export const MODE_SAID = {migrate: "migration", "dry-run": "dry-run", validate: "comparison"};

const WELL_ENDED = ["completed", "completed_with_findings"];
// What these have loaded was taken out again: with the staging schema, or by the rollback.
const TAKEN_OUT = ["cancelled", "rolled_back"];

/**
 * `3,716 loaded, 283 in quarantine of 3,999`: never as if rows that stayed out had arrived, or stood there still.
 * `run` has mode and status; of a comparison there is nothing to say in these words.
 */
export function rowsSaid({loaded, quarantined, total}, {mode, status}) {
  if (!total) return "none: there are no rows";
  const isDry = mode === "dry-run";
  const done = isDry ? "would be loaded" : loaded && TAKEN_OUT.includes(status) ? "had been loaded" : "loaded";
  const kept = quarantined ? `, ${number(quarantined)} ${isDry ? "would stay out" : "in quarantine"}` : "";
  if (isDry && !WELL_ENDED.includes(status)) {
    const tried = loaded + quarantined;
    return `${number(tried)} of ${number(total)} tried${tried ? `: ${number(loaded)} ${done}${kept}` : ""}`;
  }
  if (!quarantined && loaded === total) return `all ${number(total)} ${done}`;
  return `${number(loaded)} ${done}${kept} of ${number(total)}`;
}

/** What came of a comparison of both sides, as look, sign and word. */
export const equalitySaid = equal =>
  equal === null || equal === undefined
    ? ["ended", "–", "not compared"]
    : equal
      ? ["good", "✓", "equal"]
      : ["bad", "×", "differs"];

export const STATE_SIGNS = {done: "✓", running: "▸", failed: "×", pending: ""};

/** What a person reads of how far a phase's chunk is. */
export const chunkSaid = (chunk, name) =>
  `chunk ${chunk.position + 1} of ${count(chunk.chunks_of_table, "chunk")} of ${name}`;
