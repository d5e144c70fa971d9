// The whole way of a service, as an operator goes it: a product, a device that reports over HTTPS, a rule to an application; then
// the application fails, refuses, and is mended.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { same } from "../browser.mjs";

/** An application that takes what it is sent, until it is told otherwise. */
async function application() {
  const taken = [];
  let status = 200;
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    if (status === 200) taken.push(JSON.parse(body));
    response.writeHead(status).end();
  });
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  return {
    url: `http://127.0.0.1:${server.address().port}/in`,
    answers: (next) => { status = next; },
    /** Waits until it has this temperature. */
    async has(temperature) {
      const told = (event) => event.notify_data.body.services[0].properties.temperature === temperature;
      for (let tries = 0; !taken.some(told); tries += 1) {
        if (tries === 400) throw new Error(`the application never got ${temperature}`);
        await new Promise((passes) => setTimeout(passes, 50));
      }
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A device that speaks to the device listener. */
class Device {
  constructor(visit, id) {
    this.request = visit.context.request;
    this.id = id;
  }

  async post(path, headers, data) {
    const answer = await this.request.post(process.env.CONSOLE_DEVICE + path, { headers, data });
    same(answer.status(), 200, path);
    return answer;
  }

  async authenticate(secret) {
    const timestamp = new Date().toISOString().replace(/[-T]/g, "").slice(0, 10);
    const password = createHmac("sha256", timestamp).update(secret).digest("hex");
    const answer = await this.post("/v5/device-auth", {}, { device_id: this.id, sign_type: 0, timestamp, password });
    this.token = (await answer.json()).access_token;
  }

  async report(temperature) {
    const services = [{ service_id: "Boiler", properties: { temperature } }];
    await this.post(`/v5/devices/${this.id}/sys/properties/report`, { access_token: this.token }, { services });
  }
}

async function makesProduct({ visit, page }) {
  await visit.go("/console/products");
  const product = { Name: "Heater", "Product id optional": "heater-1", "Device type": "Heater", "Model optional": "" };
  await visit.send(product, "Create the product");
  await page.getByRole("link", { name: "Edit the model" }).click();
  await page.getByRole("button", { name: "Add a service" }).click();
  await page.getByLabel("Service id").fill("Boiler");
  await page.getByLabel("Name", { exact: true }).fill("temperature");
  await page.getByLabel("Max", { exact: true }).fill("120");
  await page.getByRole("button", { name: "Save the model" }).click();
  await page.getByText("The model is saved").waitFor();
}

async function registersDevice({ visit, page }) {
  await visit.go("/console/devices");
  const fields = { Product: "Heater (heater-1)", "Node id": "boiler-1", "Device id optional": "boiler-1" };
  await visit.send(fields, "Register the device");
  const device = new Device(visit, "boiler-1");
  await device.authenticate(await page.getByRole("textbox", { name: "Secret", exact: true }).innerText());
  return device;
}

async function watches({ visit, page, device }) {
  await page.goto(`${visit.base}/console/messages?device_id=boiler-1`);
  await page.getByText("Live", { exact: true }).waitFor();
  await device.report(21.25);
  await page.locator("#events tbody tr").first().getByText("21.25").waitFor();
}

/** A rule that takes the device's reports, and its action; ends at the action's page. */
async function forwards({ visit, page, url }) {
  await page.goto(`${visit.base}/console/rules/new`);
  const where = "notify_data.header.device_id = 'boiler-1'";
  await visit.send({ "Name optional": "heaters", "Where optional": where }, "Try it");
  await page.getByText("Taken", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Create the rule" }).click();
  await page.getByRole("link", { name: "New action" }).click();
  await visit.send({ URL: url }, "Create the action");
  await page.locator(".trail a").last().click();
  await page.getByRole("button", { name: "Activate" }).click();
  await page.getByText("The rule takes events from now on.").waitFor();
  await page.getByRole("link", { name: url }).click();
  await page.getByText("How it fares").waitFor();
}

export default async function ({ visit }) {
  const { page } = visit;
  const target = await application();
  await makesProduct({ visit, page });
  const device = await registersDevice({ visit, page });
  await watches({ visit, page, device });
  await forwards({ visit, page, url: target.url });
  // The page asks for the state again by itself.
  const tile = (name, number) => page.locator(".tile").filter({ hasText: name }).getByText(number, { exact: true }).waitFor();
  await device.report(22.5);
  await target.has(22.5);
  await tile("Delivered", "1");

  target.answers(500);
  await device.report(23.5);
  await page.locator(".standing").getByText("Retrying").waitFor();
  await tile("Waiting", "1");
  await page.getByText(/The oldest event that waits came .+ ago/).waitFor();
  await visit.check();
  await visit.shots("action-retrying");
  await visit.go("/console/");
  await page.getByRole("region", { name: "Actions that do not deliver" }).getByRole("link").first().waitFor();
  await visit.shots("overview-failing");
  await page.goBack();

  target.answers(400);
  await tile("Dead letters", "1");
  await page.getByRole("link", { name: "Dead letters" }).click();
  await page.getByRole("rowheader").getByRole("link").click();
  await page.getByText("400").first().waitFor();
  target.answers(200);
  await page.getByRole("link", { name: "Dead letters" }).click();
  await page.getByText("Deliver all again…").first().click();
  await page.getByRole("button", { name: "Deliver all again", exact: true }).click();
  await page.getByText("One dead letter is delivered again.").waitFor();
  await target.has(23.5);
  target.close();
}
