// The tables of a run: those at work on top, a page at a time, so that ten thousand cost no more than fifty.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {repeat} from "./vendored/lit-html/directives/repeat.js";
import {isMeasured, rowsOfTable} from "./run_figures.js";
import {STATE_SIGNS} from "./run_words.js";
import {breakable, html} from "./shown_text.js";
import {number, size} from "./text_formats.js";

const PAGE = 50;
const ORDER = ["running", "failed", "pending", "done"];

export class TableList {
  #filter = "";
  #page = 0;
  #redraw;
  #choose;

  /** `redraw` draws the page anew; `choose(source, table)` shows the chunks of a table. */
  constructor(redraw, choose) {
    this.#redraw = redraw;
    this.#choose = choose;
  }

  view(run) {
    const wanted = this.#filter.toLowerCase();
    const all = [...run.tables.entries()];
    const buckets = {running: [], failed: [], pending: [], done: []};
    let fitting = 0;
    for (const entry of all) {
      if (wanted && !entry[1].name.toLowerCase().includes(wanted) && !entry[1].source.toLowerCase().includes(wanted))
        continue;
      (buckets[entry[1].state] || buckets.pending).push(entry);
      fitting++;
    }
    const ordered = ORDER.flatMap(state => buckets[state]);
    const pages = Math.max(1, Math.ceil(fitting / PAGE));
    this.#page = Math.min(this.#page, pages - 1);
    const from = this.#page * PAGE,
      shown = ordered.slice(from, from + PAGE);
    const isKnown = isMeasured(run);
    const hasSources = new Set(all.map(([, table]) => table.source)).size > 1;
    const turn = step => {
      this.#page += step;
      this.#redraw();
    };
    return html`<section class="card flush" aria-labelledby="tables-head">
      <div class="card-head">
        <h2 id="tables-head">Tables</h2>
        <span class="soft"
          >${ORDER.filter(state => buckets[state].length)
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
      <table class="stacked tables" aria-rowcount=${fitting}>
        <thead>
          <tr>
            <th>Table</th>
            <th class="bar-cell">Copied</th>
            <th class="num">Rows</th>
            <th class="num">Size</th>
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            shown,
            ([key]) => key,
            ([, table]) => this.#line(table, hasSources, isKnown),
          )}
        </tbody>
      </table>
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

  #line(table, hasSources, isKnown) {
    const rows = rowsOfTable(table),
      percent = table.state === "done" ? 100 : table.percent;
    return html`<tr>
      <td class="wide">
        <button
          type="button"
          class="link"
          title="Show its chunks"
          @click=${() => this.#choose(table.source, table.name)}
        >
          ${hasSources ? html`<span class="soft">${breakable(`${table.source}.`)}</span><wbr />` : nothing}${breakable(table.name)}
        </button>
      </td>
      <td class="bar-cell">${bar(percent, table.state, `Copied of ${table.name}`)}</td>
      <td class="num">
        ${rows.loaded === rows.total ? number(rows.total) : `${number(rows.loaded)} of ${number(rows.total)}`}
        ${rows.quarantined ? html`<div class="warn-text small-text">${number(rows.quarantined)} in quarantine</div>` : nothing}
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
