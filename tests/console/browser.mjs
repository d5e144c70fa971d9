// Opens pages of the console in Chromium and holds each to the same rules: no error in its console, nothing that the content
// security policy stops, no request to another origin, no serious fault of accessibility, nothing wider than the window.
import { readFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--no-first-run"];
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = new URL("../../target/console-shots/", import.meta.url);

/** A browser without anyone signed in, for the console at `base`. */
export async function open(base) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  return new Visit(browser, base);
}

/** One person's browser. `page` is Playwright's own. */
export class Visit {
  constructor(browser, base) {
    this.browser = browser;
    this.base = base;
    this.faults = [];
  }

  /** Begins with an empty jar of cookies, and without script where that is asked for. */
  async begin({ script = true } = {}) {
    await this.context?.close();
    // Without motion: in the midst of one, a colour is neither of those that are checked.
    this.context = await this.browser.newContext(
      { ignoreHTTPSErrors: true, javaScriptEnabled: script, reducedMotion: "reduce" });
    await this.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: this.base });
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(20_000);
    const note = (text) => this.faults.push(`${this.page.url()}: ${text}`);
    this.page.on("console", (message) => {
      // A refused form answers with its status, which Chromium reports as an error; the test looks at the page instead.
      const expected = this.refusing && /Failed to load resource.*status of 4/.test(message.text());
      if (["error", "warning"].includes(message.type()) && !expected) note(`console: ${message.text()}`);
    });
    this.page.on("dialog", (dialog) => {
      note(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    this.page.on("pageerror", (error) => note(`script: ${error}`));
    this.page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${this.base}/`) && !url.startsWith("data:")) note(`a request to ${url}`);
    });
    this.page.on("requestfailed", (request) => {
      // A page that is left ends what it still loads.
      if (request.failure()?.errorText !== "net::ERR_ABORTED") note(`${request.url()} failed: ${request.failure()?.errorText}`);
    });
    return this;
  }

  /** Opens a path and checks it. */
  async go(path) {
    const response = await this.page.goto(this.base + path);
    if (!response.ok()) this.faults.push(`${path}: status ${response.status()}`);
    await this.check();
    return this.page;
  }

  /** Does what leads to a page that refuses (a status over 399), and checks that page. */
  async refused(deed) {
    this.refusing = true;
    await deed();
    await this.page.waitForLoadState();
    await this.check();
    this.refusing = false;
  }

  /** Fills fields by their labels and presses a button. */
  async send(fields, button) {
    for (const [label, value] of Object.entries(fields)) {
      const field = this.page.getByLabel(label, { exact: true });
      if (await field.evaluate((element) => element.tagName === "SELECT")) await field.selectOption(value);
      else await field.fill(value);
    }
    await this.page.getByRole("button", { name: button, exact: true }).click();
    await this.page.waitForLoadState();
  }

  async signIn(name, password) {
    await this.go("/console/sign-in");
    await this.send({ Name: name, Password: password }, "Sign in");
    await this.check();
  }

  /** Holds the page that is open to the rules, wide and narrow, light and dark. */
  async check() {
    for (const [width, colorScheme] of [[1280, "light"], [390, "dark"]]) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.setViewportSize({ width, height: 900 });
      const over = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) this.faults.push(`${this.page.url()}: ${over} pixels wider than a window of ${width}`);
      await this.#accessible(`${width} ${colorScheme}`);
    }
    await this.page.setViewportSize({ width: 1280, height: 900 });
    this.assertNoFaults();
  }

  async #accessible(how) {
    const found = await this.page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
    for (const fault of found.violations) {
      if (!["serious", "critical"].includes(fault.impact)) continue;
      const at = fault.nodes.map((node) => `${node.target}: ${node.failureSummary}`).join("\n    ");
      this.faults.push(`${this.page.url()} (${how}): ${fault.id}: ${fault.help}\n    ${at}`);
    }
  }

  assertNoFaults() {
    if (this.faults.length > 0) throw new Error(this.faults.join("\n"));
  }

  /** Takes pictures of the page that is open, where CONSOLE_SHOTS asks for them: light, dark, and as a phone shows it. */
  async shots(name) {
    if (!process.env.CONSOLE_SHOTS) return;
    await mkdir(SHOTS, { recursive: true });
    for (const [how, colorScheme, width] of [["light", "light", 1280], ["dark", "dark", 1280], ["phone", "light", 390]]) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.setViewportSize({ width, height: 800 });
      await this.page.screenshot({ path: new URL(`${name}-${how}.png`, SHOTS).pathname, fullPage: true });
    }
    await this.page.setViewportSize({ width: 1280, height: 900 });
  }
}

/** Fails with both values unless they are equal. */
export function same(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
}
