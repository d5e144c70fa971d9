// Runs every file of `pages/` in the order of its name, in one browser against one server.
//
//   node run.mjs BASE          the console at BASE, with CONSOLE_PASSWORD the one-time password of its user admin
//
// A file exports a default function of `{ visit, password, say, pages }`: a browser, signed in as admin unless the file's name
// begins with 0, the password of admin, what makes a device say something, and every path of a page. CONSOLE_ONLY names files by a part of their name; CONSOLE_SHOTS=yes takes pictures into
// target/console-shots/.
import { readdir } from "node:fs/promises";
import { open } from "./browser.mjs";

const base = process.argv[2];
const chosen = "a password of the tests";
const only = process.env.CONSOLE_ONLY ?? "";

/** A device's message. */
async function say(text) {
  const path = `/v5/devices/${process.env.CONSOLE_DEVICE_ID}/sys/messages/up`;
  const headers = { access_token: process.env.CONSOLE_DEVICE_TOKEN, "content-type": "application/json" };
  const answer = await visit.context.request.post(process.env.CONSOLE_DEVICE + path, { headers, data: text });
  if (!answer.ok()) throw new Error(`a message was answered ${answer.status()}: ${await answer.text()}`);
}

const pages = process.env.CONSOLE_PAGES.split(" ");
const files = (await readdir(new URL("./pages/", import.meta.url))).filter((name) => name.endsWith(".mjs")).sort();
const visit = await open(base);
let failed = 0;
try {
  for (const name of files) {
    if (!name.startsWith("00") && !name.includes(only)) continue;
    const { default: test } = await import(`./pages/${name}`);
    await visit.begin();
    visit.faults = [];
    visit.refusing = false;
    try {
      if (!name.startsWith("0")) await visit.signIn("admin", chosen);
      await test({ visit, password: process.env.CONSOLE_PASSWORD, chosen, say, pages });
      visit.assertNoFaults();
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}: ${error.stack}\n--- at ${visit.page.url()}`);
      console.log((await visit.page.locator("body").innerText().catch(() => "")).slice(0, 2000));
    }
  }
} finally {
  await visit.browser.close();
}
process.exit(failed === 0 ? 0 : 1);
