// Shows events as they come. A pause closes the stream and keeps the place; going on begins after the last event that was
// seen. The page holds a bounded number of rows. Texts go in as text alone.
"use strict";

const ROWS = 200;
const SAID = 160;
const AGAIN_MS = 3000;

const live = document.getElementById("live");
const button = document.getElementById("pause");
const state = document.getElementById("live-state");
const table = document.getElementById("events");

const url = new URL(live.dataset.stream, location);
let source = null;

/** The text of an object's member as it was written: JSON.parse would change 21.50. */
function member(text, name) {
  let [depth, quoted, start, key] = [0, false, 0, ""];
  for (let at = 0; at < text.length; at += 1) {
    const c = text[at];
    if (quoted) {
      if (c === "\\") at += 1;
      else quoted = c !== '"';
    } else if (c === '"') {
      quoted = true;
    } else if (c === "{" || c === "[") {
      depth += 1;
      if (depth === 1) start = at + 1;
    } else if (c === ":" && depth === 1) {
      key = text.slice(start, at);
      start = at + 1;
    } else if (c === "," ? depth === 1 : (c === "}" || c === "]") && (depth -= 1) === 0) {
      if (key === `"${name}"`) return text.slice(start, at);
      start = at + 1;
    }
  }
  return "";
}

/** What an event says: of a message and a report without what is the same in each. */
function saidIn(line) {
  const body = member(member(line, "notify_data"), "body");
  const said = Array.from(member(body, "content") || member(body, "services") || body);
  return said.length > SAID ? `${said.slice(0, SAID).join("")}…` : said.join("");
}

function cell(row, text, kind, label) {
  const cell = row.insertCell();
  cell.className = kind;
  cell.dataset.label = label;
  cell.textContent = text;
  return cell;
}

function add(event) {
  const told = JSON.parse(event.data);
  const { device_id: device = "", product_id: product = "" } = told.notify_data.header;
  const row = table.querySelector("tbody").insertRow(0);
  const link = document.createElement("a");
  link.className = "mono";
  link.href = `/console/events/${encodeURIComponent(told.sequence)}`;
  link.textContent = told.sequence;
  row.insertCell().append(link);
  cell(row, told.event_time_ms.slice(0, 19).replace("T", " "), "mono", "Time (UTC)");
  cell(row, device, "mono", "Device");
  const kind = cell(row, `${told.resource}/${told.event}`, "", "Event");
  if (told.faults) {
    const badge = document.createElement("span");
    badge.className = "badge warning";
    badge.textContent = "Does not fit";
    kind.append(" ", badge);
  }
  cell(row, saidIn(event.data), "mono said", "Says");
  cell(row, product, "mono", "Product");
  shorten();
}

/** A line in place of events that retention took before they were read. */
function addGap(event) {
  const { from, to } = JSON.parse(event.data);
  const row = table.querySelector("tbody").insertRow(0);
  cell(row, `${from} to ${to}: no longer held`, "muted", "Gap").colSpan = 6;
  shorten();
}

function shorten() {
  table.hidden = false;
  document.getElementById("nothing").hidden = true;
  const rows = table.querySelectorAll("tbody tr");
  for (let at = ROWS; at < rows.length; at += 1) rows[at].remove();
}

/** What a stream brings, with its place kept. */
function keeping(show) {
  return (event) => {
    url.searchParams.set("after", event.lastEventId);
    show(event);
  };
}

function begin() {
  source = new EventSource(url);
  source.onopen = () => { state.textContent = "Live"; };
  source.onerror = () => {
    state.textContent = "Interrupted, trying again…";
    if (source.readyState === EventSource.CLOSED) again();
  };
  for (const kind of KINDS) source.addEventListener(kind, keeping(add));
  source.addEventListener("gap", keeping(addGap));
}

/** The browser has given up: the session is over, or the server has no room. */
async function again() {
  const mine = source;
  const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") {
    button.hidden = true;
    state.textContent = "You are signed out. Load the page again to sign in.";
    return;
  }
  setTimeout(() => { if (source === mine) begin(); }, AGAIN_MS);
}

const KINDS = ["device.property/report", "device.message/report", "device.status/update", "device/create", "device/update",
  "device/delete", "product/create", "product/update", "product/delete"];

button.addEventListener("click", () => {
  if (source) {
    source.close();
    source = null;
    button.textContent = "Go on";
    state.textContent = `Paused after ${url.searchParams.get("after")}`;
  } else {
    button.textContent = "Pause";
    state.textContent = "Connecting…";
    begin();
  }
});

live.hidden = false;
document.getElementById("still").hidden = true;
begin();
