// Which page is shown: by the part of the address behind `#`, once there is a token.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {ask, keepToken, onRefusedToken, token} from "./api_requests.js";
import {applyScheme, schemeSwitch} from "./colour_scheme.js";
import {announce, clearTrouble, draw} from "./page_screen.js";
import {rights} from "./token_rights.js";
import {comparisonPage} from "./comparison_page.js";
import {reportPage} from "./report_page.js";
import {runListPage} from "./run_list_page.js";
import {runPage} from "./run_page.js";
import {html} from "./shown_text.js";
import {signInPage} from "./sign_in_page.js";
import {startPage} from "./start_page.js";

const ROUTES = [
  [/^\/?$/, runListPage],
  [/^\/runs$/, runListPage],
  [/^\/start$/, startPage],
  [/^\/compare$/, comparisonPage],
  [/^\/runs\/([^/]+)$/, runPage],
  [/^\/runs\/([^/]+)\/report$/, reportPage],
  [/^([0-9a-f]{8}-[0-9a-f-]{27})$/i, runPage], // addresses of earlier versions
];
const PLACES = [
  ["#/runs", "Runs"],
  ["#/start", "New run"],
  ["#/compare", "Compare"],
];

const TOKEN_PACE_MS = 2500; // no page may wait for its own next question to hear that a token was withdrawn

let open = null; // the page that is shown: {close()}
let isFirst = true;

function drawTop() {
  const here = location.hash.split("?")[0] || "#/runs";
  const flower = document.body.dataset.flower;
  draw(
    "top",
    html` <a class="brand" href="#/runs"
        ><img src="/dashboard/convoy_mark.svg" alt="" width="24" height="24" />Convoy</a
      >
      ${
        token()
          ? html`<nav aria-label="Pages">
              ${PLACES.map(
                ([hash, label]) => html`<a href=${hash} aria-current=${here === hash ? "page" : nothing}>${label}</a>`,
              )}
            </nav>`
          : nothing
      }
      <nav class="aside" aria-label="Elsewhere">
        ${flower ? html`<a href=${flower} rel="noreferrer">Flower</a>` : nothing} <a href="/docs">Endpoints</a>
      </nav>
      ${schemeSwitch()}
      ${token() && rights.trouble ? html`<span class="warn-text small-text" title=${rights.trouble}>What your token may do is not known now</span>` : nothing}
      ${token() ? html`<button type="button" class="small" title=${rights.said()} @click=${() => signOut("")}>Sign out</button>` : nothing}`,
  );
}

function signOut(reason) {
  keepToken("");
  rights.forget();
  showPage(reason);
}

/** Asks what the token may do, again and again: it may be withdrawn, expire, or get other rights. */
async function watchToken() {
  if (token() && !document.hidden) await learnRights();
  setTimeout(watchToken, TOKEN_PACE_MS);
}

async function learnRights() {
  try {
    rights.learn(await ask("/api/v1/token"));
  } catch (error) {
    rights.miss(error); // everything is offered, and the server has the last word on what a token may do
  }
  drawTop();
}

/** `reason` is a sentence on why somebody has to sign in. */
function showPage(reason = "") {
  open?.close();
  clearTrouble();
  draw("content", nothing);
  drawTop();
  const [path, query] = decodeURI(location.hash.slice(1)).split("?");
  const parameters = new URLSearchParams(query);
  if (!token()) {
    open = signInPage(reason, () => {
      showPage();
      learnRights();
    });
  } else {
    const match = ROUTES.map(([pattern, page]) => [pattern.exec(path || ""), page]).find(([found]) => found);
    open = match ? match[1](match[0].slice(1), parameters) : notFound();
  }
  document.title = `${open.title} · Convoy`;
  if (!isFirst) {
    scrollTo(0, 0);
    (document.querySelector("#content h1") || document.getElementById("content")).focus({preventScroll: true});
    announce(open.title);
  }
  isFirst = false;
}

function notFound() {
  draw(
    "content",
    html`<h1 tabindex="-1">Nothing here</h1>
      <p>This address leads to no page. <a href="#/runs">All runs</a>.</p>`,
  );
  return {title: "Nothing here", close() {}};
}

applyScheme();
onRefusedToken(wasRight =>
  showPage(
    wasRight
      ? "The server does not take this token any more: it has expired or was withdrawn. Sign in again; nothing on the server has stopped."
      : "The server does not know this token.",
  ),
);
addEventListener("hashchange", event => {
  if (location.hash !== "#content")
    showPage(); // the link past the head is no page
  else history.replaceState(null, "", new URL(event.oldURL).hash || "#/runs");
});
showPage();
watchToken();
