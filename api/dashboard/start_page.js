// A new run: choose, try, read what would happen, and only then migrate.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {CLUSTER, RUNS, ask, newKey, post} from "./api_requests.js";
import {dryRunProgress, dryRunRefusal, dryRunVerdict} from "./dry_run_verdict.js";
import {announce, draw} from "./page_screen.js";
import {SectionQuestion, isRefusal, restAfter} from "./section_question.js";
import {html} from "./shown_text.js";
import {SourceChoice} from "./source_choice.js";
import {optionFields, readOptions, readTarget} from "./start_options.js";
import {count, number} from "./text_formats.js";
import {rights} from "./token_rights.js";

const PACE_MS = 700;

/** Whether a dry-run has come to its end, and has a report that says what would happen. */
const hasVerdict = status => ["completed", "completed_with_findings"].includes(status?.status);

export function startPage() {
  let isClosed = false,
    complaint = "",
    note = "",
    isBusy = false,
    isRead = false,
    isComparison = false;
  let dryRun = null; // {body, id, status, report}: `body` is what was tried, as text
  const onChange = () => {
    if (!isClosed) show();
  };
  const sources = new SourceChoice(() => {
    if (!isClosed) show();
  }, onChange);
  const targets = new SectionQuestion(onChange);
  const form = () => document.getElementById("start-form");

  function request() {
    const paths = sources.paths(form());
    if (!paths.length) throw new Error("Choose at least one database.");
    const target = readTarget(form());
    return {sources: paths, options: readOptions(form()), ...(target ? {target} : {})};
  }

  function isStale() {
    if (!dryRun || !form()) return false;
    try {
      return JSON.stringify(request()) !== dryRun.body;
    } catch {
      return true;
    }
  }

  /** A comparison writes nothing, so no dry-run stands before it. */
  async function compare() {
    complaint = "";
    isBusy = true;
    show();
    try {
      const accepted = await post(`${RUNS}/validate`, request(), {"Idempotency-Key": newKey()});
      location.hash = `#/runs/${accepted.run_id}`;
      return;
    } catch (error) {
      complaint = error.message;
      announce(complaint);
    }
    isBusy = false;
    if (!isClosed) show();
  }

  async function tryIt(event) {
    event.preventDefault();
    if (isComparison) return compare();
    complaint = note = "";
    isRead = false;
    try {
      const body = request();
      isBusy = true;
      dryRun = {body: JSON.stringify(body), id: null, status: null, report: null};
      show();
      const accepted = await post(`${RUNS}/dry-run`, body, {"Idempotency-Key": newKey()});
      dryRun.id = accepted.run_id;
      note = accepted.note || "";
      await follow(dryRun);
    } catch (error) {
      if (dryRun && !dryRun.id) dryRun = null;
      complaint = error.message;
      announce(complaint);
    }
    isBusy = false;
    if (!isClosed) show();
  }

  async function follow(tried) {
    while (!isClosed) {
      let pace = PACE_MS;
      try {
        if (!tried.status?.finished) tried.status = await ask(`${RUNS}/${tried.id}/status?tables=none`);
        if (hasVerdict(tried.status)) tried.report = await ask(`${RUNS}/${tried.id}/summary`);
        if (complaint) announce("The server answers again.");
        complaint = "";
        if (tried.status.finished) break;
      } catch (error) {
        if (isRefusal(error)) throw error;
        // A word is said once, and not each time that it is asked in vain.
        if (!complaint) announce(error.message);
        complaint = `${error.message} ${tried.status?.finished ? "The dry-run has ended; its verdict" : "The dry-run goes on; it"} is asked for again.`;
        pace = restAfter(error, PACE_MS);
      }
      if (isClosed) return;
      show();
      await new Promise(done => setTimeout(done, pace));
    }
    if (!isClosed) announce(tried.report?.verdict.headline ?? (tried.status.error || "The dry-run was stopped."));
  }

  async function migrate() {
    isBusy = true;
    complaint = "";
    show();
    try {
      // The dry-run's id is the key: two clicks, or a lost answer, never make two migrations of what was read once.
      const accepted = await post(`${RUNS}/start`, JSON.parse(dryRun.body), {
        "Idempotency-Key": `dashboard-${dryRun.id}`,
      });
      location.hash = `#/runs/${accepted.run_id}`;
      return;
    } catch (error) {
      complaint = error.message;
    }
    isBusy = false;
    show();
  }

  function outcome() {
    if (isComparison)
      return html`<p class="soft">
        Every row of the sources is compared with the tables that stand in the schema, whoever has copied them. Nothing
        is written.
      </p>`;
    if (!dryRun)
      return html`<p class="soft">
        First comes a dry-run: it reads and converts every value and writes nothing. What it finds stands here then.
      </p>`;
    if (dryRun.report) return dryRunVerdict(dryRun.report);
    const {status} = dryRun;
    if (status?.finished && !hasVerdict(status)) return dryRunRefusal(status);
    return status?.finished ? html`<p class="soft">The dry-run has ended. Its verdict is asked for …</p>` : dryRunProgress(status);
  }

  /** The last step: allowed when what was tried is what is asked for, and whoever asks has said that it was read. */
  function decision() {
    if (!dryRun?.report)
      return html`<button type="button" class="primary" id="migrate" disabled aria-describedby="why-not">
          Migrate
        </button>
        <span id="why-not" class="soft small-text">after a dry-run of just this</span>`;
    const stale = isStale(),
      {would_load: loads = 0, would_quarantine: keeps = 0} = dryRun.report.dry_run || {};
    const hasCost = keeps > 0 || dryRun.report.findings_total > 0;
    return html`${
        hasCost && !stale
          ? html`<label class="switch"
              ><input
                type="checkbox"
                id="read"
                .checked=${isRead}
                @change=${event => {
                  isRead = event.target.checked;
                  show();
                }}
              />
              I have read what would stay out, be lost or not come along</label
            >`
          : nothing
      }
      <button
        type="button"
        class="primary"
        id="migrate"
        ?disabled=${isBusy || stale || (hasCost && !isRead) || !rights.may("run")}
        aria-describedby="why-not"
        @click=${migrate}
      >
        ${keeps ? `Migrate ${number(loads)} rows; ${number(keeps)} stay out` : `Migrate ${count(loads, "row")}`}
      </button>
      <span id="why-not" class="soft small-text"
        >${stale ? "Something was changed since the dry-run: try it again first." : hasCost && !isRead ? "after you have read it" : ""}</span
      >`;
  }

  function show() {
    draw(
      "content",
      html`<h1 tabindex="-1">New run</h1>
        <form id="start-form" class="start" @submit=${tryIt} @input=${onChange} @change=${onChange}>
          <div>
            ${sources.view()}
            <fieldset class="card">
              <legend>How</legend>
              <div class="switches">
                ${[
                  [false, "Migrate: copy, prove, and put the tables in place"],
                  [true, "Compare with the tables that stand there, and write nothing"],
                ].map(
                  ([value, label]) =>
                    html`<label class="switch"
                      ><input
                        type="radio"
                        name="purpose"
                        .checked=${isComparison === value}
                        @change=${() => {
                          isComparison = value;
                          complaint = "";
                          show();
                        }}
                      />
                      ${label}</label
                    >`,
                )}
              </div>
              ${targets.trouble ? html`<div class="told-by">Whether there are several targets is not known, and without a choice a run goes into the default one: ${targets.said()}</div>` : nothing}
              ${optionFields(targets.answer ?? [])}
            </fieldset>
          </div>
          <section class="card decision" aria-labelledby="outcome-head">
            <h2 id="outcome-head">What would happen</h2>
            ${outcome()} ${note ? html`<p class="soft">${note}</p>` : nothing}
            ${complaint ? html`<p class="bad-text" role="alert">${complaint}</p>` : nothing}
            <div class="actions">
              ${
                isComparison
                  ? html`<button id="compare" class="primary" ?disabled=${isBusy || !rights.may("run")}>Compare</button>`
                  : html`<button
                      id="dry-run"
                      class=${dryRun?.report && !isStale() ? nothing : "primary"}
                      ?disabled=${isBusy || !rights.may("run")}
                    >
                      ${isBusy && !dryRun?.report ? "Trying …" : dryRun ? "Dry-run again" : "Dry-run"}</button
                    >${decision()}`
              }
            </div>
            ${rights.may("run") ? nothing : html`<p class="soft">${rights.refusal("run")}</p>`}
          </section>
        </form>`,
    );
  }

  show();
  targets.ask(async () => (await ask(CLUSTER)).targets || []);
  return {
    title: "New run",
    close() {
      isClosed = true;
      targets.close();
      sources.close();
    },
  };
}
