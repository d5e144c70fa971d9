// Keeps the overview moving: every ten seconds the page's own figures and the charts. Without it the page shows the same as a
// summary and a table.
"use strict";

const EVERY_MS = 10_000;
const charts = document.getElementById("charts");
const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const SERIES = {
  accepted: { label: "Accepted", stroke: colour("--accent"), fill: colour("--accent-soft") },
  refused: { label: "Refused", stroke: colour("--warning") },
  failed: { label: "Failed", stroke: colour("--bad"), dash: [6, 4] },
};

/** UTC, as all times of the console. */
const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);

/** A chart in `place`, which says which series it shows. */
function drawn(place) {
  const names = place.dataset.series.split(" ");
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const options = {
    width: place.clientWidth,
    height: 180,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_, from, to) => [Math.min(from, to - 3600), to] },
      y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
    },
    axes: [{ ...axis, space: 70, values: (_, times) => times.map(clock) }, { ...axis, size: 48 }],
    series: [{}, ...names.map((name) => ({ ...SERIES[name], width: 2, points: { show: false } }))],
  };
  const chart = new uPlot(options, [[], ...names.map(() => [])], place);
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 180 })).observe(place);
  return { chart, names };
}

async function rates(all) {
  const { interval_seconds: seconds, steps } = await asked(charts.dataset.rates).then((answer) => answer.json());
  const times = steps.map((step) => Date.parse(step.time) / 1000);
  for (const { chart, names } of all) {
    chart.setData([times, ...names.map((name) => steps.map((step) => step[name] / seconds))]);
  }
}

/** Puts what changed on the page into its place; what someone is in stays as it is until the next time. */
async function figures() {
  const fresh = new DOMParser().parseFromString(await asked("/console/").then((answer) => answer.text()), "text/html");
  for (const old of document.querySelectorAll("[data-refresh]")) {
    const now = fresh.getElementById(old.id);
    if (now && !old.contains(document.activeElement) && now.outerHTML !== old.outerHTML) old.replaceWith(document.adoptNode(now));
  }
}

async function asked(path) {
  const answer = await fetch(path, { redirect: "manual" });
  // The session has ended: the sign-in leads back here.
  if (answer.type === "opaqueredirect") location.reload();
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer;
}

charts.hidden = false;
const all = [...charts.querySelectorAll(".chart")].map(drawn);

async function refresh() {
  try {
    if (!document.hidden) await Promise.all([rates(all), figures()]);
  } catch {
    // The server restarts, or the network is away: the next time tells.
  }
  setTimeout(refresh, EVERY_MS);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach(({ chart }) => chart.redraw()));
rates(all).catch(() => {});
setTimeout(refresh, EVERY_MS);
