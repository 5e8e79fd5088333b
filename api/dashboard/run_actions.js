// What can be done to a run. Each act says first what it will do, in a dialog that the keyboard cannot leave by accident.
import {nothing, render} from "./vendored/lit-html/lit-html.js";
import {ProblemError, RUNS, post} from "./api_requests.js";
import {announce} from "./page_screen.js";
import {rowsOf} from "./run_figures.js";
import {copies, phaseSaid, stateOf} from "./run_words.js";
import {html} from "./shown_text.js";
import {count, number} from "./text_formats.js";
import {rights} from "./token_rights.js";

// A failed run that was cancelled keeps its end, and goes on no more.
const isOpenFailure = status => status.status === "failed" && !status.given_up_at;
// Others would fail again: what was asked for, or what is in their snapshot, stays as it is.
const canGoOn = status => isOpenFailure(status) && ["resume", "either"].includes(status.way_on);
const isDone = status => ["completed", "completed_with_findings"].includes(status.status);

/** When an act makes sense, what it is called and what it will do, said with the figures of the run. */
const ACTS = {
  cutover: {
    label: "Cut over",
    scope: "admin",
    look: "primary",
    when: status => status.status === "ready" || (canGoOn(status) && status.resume_phase === "cutting_over"),
    tells: (status, rows) => [
      `Puts ${count(status.tables_total, "table")} with ${count(rows.loaded, "row")} in place, in one transaction: users see the new tables from its commit on, and none of them before.`,
      rows.quarantined ? `${count(rows.quarantined, "row")} in quarantine will be missing there.` : "",
      "What is in the target now is checked again first. Until others release their locks it waits, and tries again.",
      "Tables that are replaced are kept, so that a rollback can put them back.",
    ],
  },
  pause: {
    label: "Pause",
    scope: "run",
    when: status => !status.finished && !status.paused_at,
    tells: status => [
      `Lets the run stand still: what ${copies(status.mode) ? "chunks" : "sources"} are worked on now is ended, and no more are begun.`,
      "Nothing is lost. Resume lets it go on where it stopped.",
    ],
  },
  resume: {
    label: "Resume",
    scope: "run",
    look: "primary",
    when: status => Boolean(status.paused_at && !status.finished) || canGoOn(status),
    tells: status => [
      status.status === "failed"
        ? "Lets the failed run go on in the phase where it stopped. Repair the cause first, or it will fail again."
        : "Lets the paused run go on.",
      copies(status.mode)
        ? `${number(status.chunks_done)} of ${count(status.chunks_total, "chunk")} are ${status.mode === "dry-run" ? "tried, and are not tried" : "copied, and are not copied"} again.`
        : "Sources that are compared already are not compared again.",
    ],
  },
  cancel: {
    label: "Cancel the run",
    scope: "admin",
    look: "danger",
    when: status => !status.finished || status.status === "ready" || isOpenFailure(status),
    tells: (status, rows) => [
      "Stops the run for good: it can never be resumed.",
      status.mode === "migrate"
        ? `${rows.loaded ? `The ${count(rows.loaded, "row")} that it has loaded are removed with its staging schema` : "It has loaded nothing yet"}. No table that users see has changed, and none will.`
        : "It has written nothing, so nothing is removed.",
      "The source is not touched.",
    ],
  },
  rollback: {
    label: "Roll back",
    scope: "admin",
    look: "danger",
    when: status => status.mode === "migrate" && isDone(status),
    tells: (status, rows) => [
      `Takes the run's ${count(status.tables_total, "table")} with ${count(rows.loaded, "row")} out of the target, and puts back what stood there before, in one transaction.`,
      "First it is counted what was written to these tables since the cutover. If anything was, nothing is changed, and you are asked again with the figures.",
      "The source is not touched.",
    ],
  },
};

let isOpen = false;
let look = () => {};

/** Lets the dialog that is open look at the run as it is now; to be called after each answer. */
export const refreshDialog = () => look();

/** The buttons of the acts that make sense now; those that the token may not press say so. */
export function actionBar(run, runId, onDone) {
  const {status} = run;
  const acts = Object.entries(ACTS).filter(([, act]) => act.when(status));
  if (!acts.length) return nothing;
  const denied = acts.map(([, act]) => act.scope).find(scope => !rights.may(scope));
  return html`<div class="actions">
    ${acts.map(
      ([name, act]) =>
        html`<button
          type="button"
          id=${`act-${name}`}
          class=${act.look || nothing}
          ?disabled=${!rights.may(act.scope)}
          @click=${() => openDialog(name, act, run, runId, onDone)}
        >
          ${act.label}
        </button>`,
    )}
    ${denied ? html`<span class="soft small-text">${rights.refusal(denied)}</span>` : nothing}
  </div>`;
}

function openDialog(name, act, run, runId, onDone) {
  if (isOpen) return;
  isOpen = true;
  const place = document.getElementById("dialogs"),
    opener = document.activeElement;
  let isBusy = false,
    complaint = "",
    written = null;

  function show() {
    const {status} = run;
    const isLate = !isBusy && !act.when(status);
    const sentences = isLate
      ? [`The run is ${phaseSaid(stateOf(status), status.mode)} by now: “${act.label}” makes no sense any more.`]
      : act.tells(status, rowsOf(run)).filter(Boolean);
    render(
      html`<dialog
        aria-labelledby="dialog-head"
        @close=${close}
        @cancel=${event => {
          if (isBusy) event.preventDefault();
        }}
      >
        <h2 id="dialog-head">${act.label}${written ? " all the same" : ""}?</h2>
        ${written && !isLate ? writtenSince(written) : sentences.map(sentence => html`<p>${sentence}</p>`)}
        ${complaint && !isLate ? html`<p class="bad-text" role="alert">${complaint}</p>` : nothing}
        <div class="actions end">
          <button type="button" @click=${event => event.target.closest("dialog").close()} ?disabled=${isBusy}>
            ${isLate ? "Close" : "Leave it as it is"}
          </button>
          ${
            isLate
              ? nothing
              : html`<button type="button" id="confirm" class=${act.look || "primary"} @click=${perform} ?disabled=${isBusy}>
                  ${isBusy ? "The server is at it …" : written ? "Roll back, and keep the tables aside" : act.label}
                </button>`
          }
        </div>
      </dialog>`,
      place,
    );
  }

  async function perform() {
    isBusy = true;
    complaint = "";
    show();
    try {
      const answer = await post(
        `${RUNS}/${encodeURIComponent(runId)}/${name}`,
        name === "rollback" ? {force: Boolean(written)} : undefined,
      );
      isBusy = false;
      place.querySelector("dialog").close();
      announce(`${act.label}: done.`);
      onDone(name, answer);
      return;
    } catch (error) {
      isBusy = false;
      if (name === "rollback" && error instanceof ProblemError && error.members.written_since?.length && !written)
        written = error.members.written_since;
      else complaint = error.message;
      run.askAll(); // it may have been refused because the run is somewhere else by now
    }
    show();
    place.querySelector("#confirm")?.focus();
  }

  function close() {
    isOpen = false;
    look = () => {};
    render(nothing, place);
    if (opener?.isConnected) opener.focus();
    else document.querySelector("#content h1")?.focus();
  }

  look = () => {
    const hadFocus = document.activeElement?.id === "confirm";
    show();
    if (hadFocus && !place.querySelector("#confirm")) place.querySelector("dialog button").focus();
  };
  show();
  place.querySelector("dialog").showModal();
}

const UNKNOWN = "cannot be told";
const said = figure => (figure === null || figure === undefined ? UNKNOWN : number(figure));

function writtenSince(tables) {
  return html`<p>
      <strong>Somebody has written to these tables since the cutover.</strong> Nothing was changed yet. Going on takes
      the tables out of users' sight with what was written; they are kept in a schema of their own, so that nothing is
      lost.
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="Written since the cutover">
      <table>
        <thead>
          <tr>
            <th>Table</th>
            <th class="num">Rows then</th>
            <th class="num">Now</th>
            <th class="num">Added</th>
            <th class="num">Changed</th>
            <th class="num">Deleted</th>
          </tr>
        </thead>
        <tbody>
          ${tables.map(
            table =>
              html`<tr>
                <td>${table.table_schema}.${table.table}</td>
                <td class="num">${said(table.rows_then)}</td>
                <td class="num">${said(table.rows_now)}</td>
                <td class="num">${said(table.added)}</td>
                <td class="num">${said(table.changed)}</td>
                <td class="num">${said(table.deleted)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}
