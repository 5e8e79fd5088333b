// What a dry-run has found, before anybody may migrate: what would be lost, refused, how long and how large.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {findingLine} from "./found_trouble.js";
import {pasteBlock} from "./page_screen.js";
import {ownedName, tableNamer} from "./run_figures.js";
import {phaseTells} from "./run_words.js";
import {html} from "./shown_text.js";
import {bar} from "./table_list.js";
import {count, duration, number, size} from "./text_formats.js";

const LEVELS = {proved: "good", attention: "warn", failed: "bad", neutral: "ended"};

/** While it runs. */
export function dryRunProgress(status) {
  return html`<div class="verdict">
    <p><strong>Dry-run:</strong> ${status ? (phaseTells(status.status, "dry-run") ?? "stands still") : "is asked for"} …</p>
    ${bar(status?.percent || 0, "running", "Dry-run")}
    ${(status?.waits || []).map(sentence => html`<p class="warn-text">${sentence}</p>`)}
    <p class="soft small-text">
      Every value goes through its conversion; nothing is written. You may leave this page open.
    </p>
  </div>`;
}

/** It ended without a verdict: why, and that nothing may be migrated so. */
export function dryRunRefusal(status) {
  return html`<div class="verdict bad">
    <h3>This would be refused</h3>
    <p>${status.error || "The dry-run was cancelled."}</p>
    <p class="soft small-text">
      Nothing was written. Repair the cause or choose other options, and try again.
      <a href=${`#/runs/${status.run_id}`}>The dry-run</a>
    </p>
  </div>`;
}

/** The verdict of a finished dry-run; `report` is its summary. */
export function dryRunVerdict(report) {
  const forecast = report.dry_run || {},
    lossy = report.findings.filter(finding => finding.loss);
  const skipped = report.objects.filter(item => item.state === "skipped");
  const facts = [
    ["Rows that would be loaded", number(forecast.would_load)],
    ["Rows that would stay out", number(forecast.would_quarantine)],
    ["Tables", number(report.tables.length)],
    ["Chunks", number(forecast.chunks)],
    ["Time, estimated", duration(forecast.estimated_seconds)],
    ["Space in PostgreSQL, estimated", size(forecast.estimated_disk_bytes)],
  ];
  return html`<div class=${`verdict ${LEVELS[report.verdict.level] || "ended"}`}>
    <h3>${report.verdict.headline}</h3>
    ${report.verdict.detail ? html`<p>${report.verdict.detail}</p>` : nothing}
    <dl class="facts">
      ${facts.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${nothingLost(report, forecast) ? html`<p class="good-text">Nothing would be lost, and nothing would stay behind.</p>` : nothing}
    ${
      Object.keys(report.quarantine.by_reason).length
        ? html`<h4>Rows that would stay out</h4>
            <ul>
              ${Object.entries(report.quarantine.by_reason).map(
                ([reason, values]) => html`<li>${count(values, "value")}: ${reason}</li>`,
              )}
            </ul>`
        : nothing
    }
    ${
      report.findings.length
        ? html`<h4>${lossy.length ? "What would be lost or not come along" : "What was found"}</h4>
            <ul class="findings">
              ${report.findings.slice(0, 50).map(finding => findingLine(finding, tableNamer(report.tables)))}
            </ul>`
        : nothing
    }
    ${report.findings_total > 50 ? html`<p class="soft">${number(report.findings_total - 50)} more stand in its report.</p>` : nothing}
    ${
      skipped.length && !report.findings.length
        ? html`<h4>What would not come along</h4>
            <ul>
              ${skipped.map(item => html`<li>${item.kind} ${ownedName(item, report.sources)}: ${item.reason}</li>`)}
            </ul>`
        : nothing
    }
    ${
      report.recommendations.length
        ? html`<details>
            <summary>${count(report.recommendations.length, "recommendation")}</summary>
            ${recommendations(report)}
          </details>`
        : nothing
    }
    <p class="small-text">
      <a href=${`#/runs/${report.run_id}/report`}>All of the dry-run: types, reasons, statements</a>
    </p>
  </div>`;
}

const nothingLost = (report, forecast) =>
  !forecast.would_quarantine && !report.findings_total && report.status === "completed";

export function recommendations(report) {
  return html`<ol class="advice">
    ${report.recommendations.map(
      advice =>
        html`<li>
          <div>
            <span class=${`badge ${advice.urgency === "must" ? "bad" : advice.urgency === "should" ? "warn" : "ended"}`}
              >${advice.urgency}</span
            >
            <strong>${advice.title}</strong>
          </div>
          <p>${advice.detail}</p>
          ${advice.commands.map((command, at) => pasteBlock(command, `${advice.title}, ${at + 1}`))}
        </li>`,
    )}
  </ol>`;
}
