// What the log of a run says, a sentence for each kind of entry: never the names and values that programs read.
import {PHASE_TELLS, phaseSaid, phaseTells} from "./run_words.js";
import {count} from "./text_formats.js";

function begun(phase, mode) {
  const name = phaseSaid(phase, mode);
  return `${name[0].toUpperCase()}${name.slice(1)}: ${phaseTells(phase, mode)}.`;
}

const PHASE_SAID = {
  pending: () => "The run waits for a producer.",
  completed: () => "The run is completed.",
  completed_with_findings: () => "The run is completed, with findings.",
  ready: () => "Everything is proved. The run is held, and waits for somebody to let it cut over.",
  failed: (left, mode) => `The run has failed${during(left, mode)}.`,
  cancelled: (left, mode) => `The run is cancelled${during(left, mode)}.`,
  rolled_back: () => "The run is rolled back.",
};

const ACT_SAID = {
  started: "Started by",
  resumed: "Resumed by",
  given_up: "Given up, never to be resumed, by",
  cutover_asked: "The cutover was asked for by",
  cut_over: "Cut over on behalf of",
  retried: "Rows of the quarantine were tried again by",
  rolled_back: "Rolled back by",
  cancelled: "Cancelled by",
  paused: "Paused by",
  purged: "Cleaned up by",
};

/** ` during profiling`, ` before it began`, ` while it was held`; nothing where it is not known. */
export function during(phase, mode) {
  if (!phase) return "";
  const name = phaseSaid(phase, mode);
  return (
    {pending: " before it began", ready: " while it was held"}[phase] || ` during ${name.includes(" copy") ? "the " : ""}${name}`
  );
}

const ofPhase = (data, {mode}) => (data.phase ? ` of ${phaseSaid(data.phase, mode)}` : "");
/** A reason that the server gives, as the end of a sentence. */
const because = reason => (reason ? `: ${reason}${/[.!?:`]$/.test(reason) ? "" : "."}` : ".");

/** Which table an error is of, where its name alone does not say it: there are several sources, and it names none. */
export function whichTable({error_details: details}, nameOf) {
  const {table, source} = details || {};
  if (!table || source) return "";
  const name = nameOf(table);
  return name === table ? "" : ` The table is ${name}.`;
}
const who = data => `${data.person || "somebody"}${data.host ? ` at ${data.host}` : ""}`;

/** Sentences by kind. `run` is {left, mode, nameOf}: the phase before, what the run is for, and how a table is called. */
const SAID = {
  phase: (data, {left, mode}) =>
    PHASE_SAID[data.phase]?.(left, mode) ?? (PHASE_TELLS[data.phase] ? begun(data.phase, mode) : "The run has moved on."),
  planned: data => `Planned: ${count(data.chunks, "chunk")} of ${count(data.tables, "table")}.`,
  sent: (data, run) => `${count(data.steps, "step")}${ofPhase(data, run)} went to the workers.`,
  resend: (data, run) =>
    `${count((data.lost || 0) + (data.stalled || 0), "step")}${ofPhase(data, run)} will be sent again: ${[
      data.lost ? `the messages of ${data.lost} were lost` : "",
      data.stalled ? `the workers of ${data.stalled} were heard of no more` : "",
    ]
      .filter(Boolean)
      .join(", ")}.`,
  step_failed: (data, run) =>
    `A step${ofPhase(data, run)} failed, and is ${data.final ? "not tried" : "tried"} again${because(data.error)}${whichTable(data, run.nameOf)}`,
  worker_stopped: data => `The connections of the silent worker ${data.worker || ""} were ended, so that its work can go on.`,
  waiting: data => `It waits${because(data.reason)}`,
  failed: (data, run) => `It failed${during(data.phase, run.mode)}${because(data.error)}${whichTable(data, run.nameOf)}`,
  paused: (data, run) => `It stands still${during(data.phase, run.mode)}.`,
  resume: () => "It goes on.",
  cutover: () => "The producer was told to cut over.",
  retry: data =>
    `Of the quarantine, ${count(data.stored || 0, "row")} could be stored, and ${count(data.remaining || 0, "row")} stayed.`,
  act: data => `${ACT_SAID[data.act] || "Something was asked for by"} ${who(data)}.`,
  dry_run: () => "The dry-run has made its estimate.",
};

// What workers do may be written down while the run is being ended: it belongs to the phase before.
const OF_WORK = new Set(["planned", "sent", "resend", "step_failed", "worker_stopped", "waiting"]);
const isStop = event => event.kind === "phase" && event.data.phase !== "ready" && !(event.data.phase in PHASE_TELLS);

/** The log with a sentence for each entry, in the order in which a person reads it: `{event, said}`. */
export function sentencesOf(events, mode, nameOf = name => name) {
  const ordered = [];
  let endAt = null,
    left = null;
  for (const event of events) {
    const entry = {event, said: (SAID[event.kind] || (() => "Something that this page has no words for."))(event.data, {left, mode, nameOf})};
    if (OF_WORK.has(event.kind) && endAt !== null) {
      ordered.splice(endAt++, 0, entry);
      continue;
    }
    if (isStop(event)) endAt = ordered.length;
    else if (event.kind === "phase" || event.kind === "resume") endAt = null;
    if (event.kind === "phase" && !isStop(event)) left = event.data.phase;
    ordered.push(entry);
  }
  return ordered;
}
