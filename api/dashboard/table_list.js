// The tables of a run: those at work on top, a page at a time, so that ten thousand cost no more than fifty.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {repeat} from "./vendored/lit-html/directives/repeat.js";
import {isMeasured, rowsOfTable, stoppedIn, tableNamer} from "./run_figures.js";
import {during} from "./event_words.js";
import {STATE_SIGNS, copies, equalitySaid} from "./run_words.js";
import {breakable, html} from "./shown_text.js";
import {number, size, words} from "./text_formats.js";

const PAGE = 50;
const ORDER = ["running", "failed", "pending", "done"];
const ORDER_COMPARED = ["differs", "not compared", "equal"];

/** Why no table is listed. */
function noneSaid({status}, stopped) {
  if (stopped) return `None is known: ${words(status.status)}${during(stopped, status.mode)}.`;
  if (status.finished) return "There are none.";
  return copies(status.mode) ? "They are listed once the sources are read." : "They are listed as they are compared.";
}

export class TableList {
  #filter = "";
  #page = 0;
  #redraw;
  #choose;

  /** `redraw` draws the page anew; `choose(source, table, name)` shows the chunks of a table. */
  constructor(redraw, choose) {
    this.#redraw = redraw;
    this.#choose = choose;
  }

  view(run) {
    const wanted = this.#filter.toLowerCase();
    const all = [...run.tables.entries()];
    const isCopy = copies(run.status.mode),
      isDry = run.status.mode === "dry-run",
      order = isCopy ? ORDER : ORDER_COMPARED;
    const buckets = Object.fromEntries(order.map(name => [name, []]));
    let fitting = 0;
    for (const entry of all) {
      if (wanted && !entry[1].name.toLowerCase().includes(wanted) && !entry[1].source.toLowerCase().includes(wanted))
        continue;
      buckets[isCopy ? entry[1].state : equalitySaid(entry[1].equal)[2]].push(entry);
      fitting++;
    }
    const ordered = order.flatMap(state => buckets[state]);
    const pages = Math.max(1, Math.ceil(fitting / PAGE));
    this.#page = Math.min(this.#page, pages - 1);
    const from = this.#page * PAGE,
      shown = ordered.slice(from, from + PAGE);
    const isKnown = isMeasured(run);
    const nameOf = tableNamer(run.tables.values());
    const turn = step => {
      this.#page += step;
      this.#redraw();
    };
    return html`<section class="card flush" aria-labelledby="tables-head">
      <div class="card-head">
        <h2 id="tables-head">Tables</h2>
        <span class="soft"
          >${order.filter(state => buckets[state].length)
            .map(state => `${number(buckets[state].length)} ${state}`)
            .join(" · ")}</span
        >
        ${
          all.length > 10
            ? html`<label class="push"
                >Find
                <input
                  type="search"
                  .value=${this.#filter}
                  placeholder="table"
                  @input=${event => {
                    this.#filter = event.target.value;
                    this.#page = 0;
                    this.#redraw();
                  }}
              /></label>`
            : nothing
        }
      </div>
      ${
        all.length
          ? html`<table class=${`stacked tables ${isCopy ? "" : "compared"}`} aria-rowcount=${fitting}>
              <thead>
                <tr>
                  <th>Table</th>
                  ${
                    isCopy
                      ? html`<th class="bar-cell">${isDry ? "Tried" : "Copied"}</th>
                          <th class="num">${isDry ? "Would be loaded" : "Rows loaded"}</th>
                          <th class="num">Size</th>
                          <th>State</th>`
                      : html`<th class="num">Rows in the source</th>
                          <th class="num">In the target</th>
                          <th>Both sides</th>`
                  }
                </tr>
              </thead>
              <tbody>
                ${repeat(
                  shown,
                  ([key]) => key,
                  ([, table]) =>
                    isCopy
                      ? this.#line(table, nameOf(table.name, table.source), isKnown, isDry)
                      : this.#compared(table, nameOf(table.name, table.source)),
                )}
              </tbody>
            </table>`
          : html`<p class="soft pad">${noneSaid(run, stoppedIn(run))}</p>`
      }
      ${
        pages > 1
          ? html`<div class="pager">
              <button type="button" class="small" ?disabled=${this.#page === 0} @click=${() => turn(-1)}>
                Previous
              </button>
              <span>${number(from + 1)} to ${number(from + shown.length)} of ${number(fitting)}</span>
              <button type="button" class="small" ?disabled=${this.#page >= pages - 1} @click=${() => turn(1)}>
                Next
              </button>
            </div>`
          : nothing
      }
    </section>`;
  }

  #compared(table, name) {
    const [look, sign, said] = equalitySaid(table.equal);
    return html`<tr>
      <td class="wide"><strong>${breakable(name)}</strong></td>
      <td class="num">${number(table.rows_total)}<span class="on-phone"> in the source</span></td>
      <td class="num">${number(table.rows_target)}<span class="on-phone"> in the target</span></td>
      <td>
        <span class=${`badge ${look}`}><span aria-hidden="true">${sign}</span> ${said}</span>
      </td>
    </tr>`;
  }

  #line(table, name, isKnown, isDry) {
    const rows = rowsOfTable(table),
      percent = table.state === "done" ? 100 : table.percent;
    return html`<tr>
      <td class="wide">
        <button
          type="button"
          class="link"
          title="Show its chunks"
          @click=${() => this.#choose(table.source, table.name, name)}
        >
          ${breakable(name)}
        </button>
      </td>
      <td class="bar-cell">${bar(percent, table.state, `${isDry ? "Tried" : "Copied"} of ${name}`)}</td>
      <td class="num">
        ${rows.loaded === rows.total ? number(rows.total) : `${number(rows.loaded)} of ${number(rows.total)}`}
        ${rows.quarantined ? html`<div class="warn-text small-text">${number(rows.quarantined)} ${isDry ? "would stay out" : "in quarantine"}</div>` : nothing}
      </td>
      <td class="num">${isKnown ? size(table.bytes_total) : "–"}</td>
      <td>
        <span class=${`state ${table.state}`}
          ><span aria-hidden="true">${STATE_SIGNS[table.state] || ""}</span> ${table.state}</span
        >
      </td>
    </tr>`;
  }
}

/** A bar of 0 to 100 percent. It is drawn as SVG, because the page's policy allows no style attribute. */
export function bar(percent, state, name) {
  return html`<svg
    class=${`bar ${state}`}
    viewBox="0 0 100 8"
    preserveAspectRatio="none"
    role="progressbar"
    aria-label=${name}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${Math.round(percent)}
  >
    <rect class="rail" width="100" height="8"></rect>
    <rect class="fill" width=${percent} height="8"></rect>
  </svg>`;
}
