//! Clients that no one here wrote: curl, Python requests, `ApacheBench`, openssl, Node and Java report to the program.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::harness::Gate;

const SECRET: &str = "s3cret-of-the-device";
const BODY: &str = r#"{"services":[{"service_id":"Meter","properties":{"humidity":40}}]}"#;

/// A device that may report, and what a client has to know of it.
struct Target {
    gate: Gate,
    url: String,
    token: String,
}

impl Target {
    fn new() -> Self {
        let gate = Gate::builder().unlimited().start();
        gate.device("foreign", SECRET, None);
        let token = gate.token("foreign", SECRET);
        let url = format!("https://{}/v5/devices/foreign/sys/properties/report", gate.device);
        Self { gate, url, token }
    }

    /// Runs a client, which finds what it needs in its environment.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program)
            .args(arguments)
            .env("URL", &self.url)
            .env("TOKEN", &self.token)
            .env("BODY", BODY)
            .env("CA", self.gate.ca())
            .output();
        output.unwrap_or_else(|error| panic!("{program}: {error}; scripts/test installs it"))
    }

    /// Runs a client that prints the statuses it got.
    #[track_caller]
    fn statuses(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.gate.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

#[test]
fn curl_reports_over_http_1_1_and_1_0() {
    let target = Target::new();
    let ca = target.gate.ca();
    for version in ["--http1.1", "--http1.0"] {
        let token = format!("access_token: {}", target.token);
        let arguments = [
            "-sS",
            version,
            "--cacert",
            ca.to_str().unwrap(),
            "-H",
            &token,
            "-d",
            BODY,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{http_version}",
            &target.url,
        ];
        let version = version.trim_start_matches("--http");
        assert!(
            target.statuses("curl", &arguments).starts_with("200 1"),
            "{version}"
        );
    }
    assert_eq!(target.gate.stored("foreign"), 2);
}

#[test]
fn python_requests_reports_over_one_session() {
    let target = Target::new();
    let script = "
import os, requests
session = requests.Session()
headers = {'access_token': os.environ['TOKEN'], 'Content-Type': 'application/json'}
for _ in range(3):
    reply = session.post(os.environ['URL'], data=os.environ['BODY'], headers=headers, verify=os.environ['CA'])
    print(reply.status_code, end=' ')
";
    // Debian's own, which has Debian's packages.
    assert_eq!(
        target.statuses("/usr/bin/python3", &["-c", script]),
        "200 200 200"
    );
}

#[test]
fn apache_bench_keeps_its_connections_alive() {
    let target = Target::new();
    let body = target.file("body.json", BODY);
    let token = format!("access_token: {}", target.token);
    let arguments = [
        "-k",
        "-n",
        "300",
        "-c",
        "8",
        "-H",
        &token,
        "-T",
        "application/json",
        "-p",
        body.to_str().unwrap(),
        &target.url,
    ];
    let printed = target.statuses("ab", &arguments);
    assert!(printed.contains("Complete requests:      300"), "{printed}");
    assert!(printed.contains("Failed requests:        0"), "{printed}");
    assert!(printed.contains("Keep-Alive requests:    300"), "{printed}");
    assert!(!printed.contains("Non-2xx"), "{printed}");
}

#[test]
fn openssl_resumes_its_session_and_gets_no_older_version() {
    let target = Target::new();
    let (ca, address) = (target.gate.ca(), target.gate.device.to_string());
    let ca = ca.to_str().unwrap();
    let base = [
        "s_client",
        "-connect",
        &address,
        "-CAfile",
        ca,
        "-verify_return_error",
    ];
    let printed = target.statuses("openssl", &[&base[..], &["-reconnect", "-tls1_2"]].concat());
    assert_eq!(printed.matches("Reused, TLSv1.2").count(), 5, "{printed}");
    assert!(printed.contains("Verify return code: 0 (ok)"), "{printed}");
    for older in ["-tls1_1", "-tls1"] {
        let arguments = [&base[..], &[older, "-cipher", "DEFAULT@SECLEVEL=0"]].concat();
        let output = target.run("openssl", &arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("SSL alert number"), "{older}: {said}");
    }
    // What the server has no suite for is told so, and not that it may not come.
    for suites in ["AES128-SHA", "ECDHE-RSA-AES128-SHA"] {
        let arguments = [&base[..], &["-tls1_2", "-cipher", suites]].concat();
        let output = target.run("openssl", &arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("alert handshake failure"), "{suites}: {said}");
    }
}

#[test]
fn node_reports_through_a_keep_alive_agent() {
    let target = Target::new();
    let script = "
const https = require('https'), fs = require('fs'), e = process.env;
const agent = new https.Agent({keepAlive: true, maxSockets: 1, ca: fs.readFileSync(e.CA)});
const once = () => new Promise((done, failed) => {
  const request = https.request(e.URL, {agent, method: 'POST', headers: {access_token: e.TOKEN}}, reply => {
    reply.resume(); reply.on('end', () => done(reply.statusCode));
  });
  request.on('error', failed); request.end(e.BODY);
});
(async () => { console.log(await once(), await once(), await once()); agent.destroy(); })();
";
    assert_eq!(target.statuses("node", &["-e", script]), "200 200 200");
}

#[test]
fn java_reports_through_its_http_client() {
    let target = Target::new();
    let source = r#"
import java.net.URI;
import java.net.http.*;
public class Report {
  public static void main(String[] arguments) throws Exception {
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    for (int i = 0; i < 3; i++) {
      var request = HttpRequest.newBuilder(URI.create(System.getenv("URL")))
        .header("access_token", System.getenv("TOKEN"))
        .POST(HttpRequest.BodyPublishers.ofString(System.getenv("BODY"))).build();
      System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode() + " ");
    }
  }
}"#;
    let source = target.file("Report.java", source);
    let store = target.gate.folder.join("trust.p12");
    let (store, ca) = (store.to_str().unwrap(), target.gate.ca());
    let import = [
        "-importcert",
        "-noprompt",
        "-alias",
        "ca",
        "-storetype",
        "PKCS12",
        "-storepass",
        "changeit",
        "-keystore",
        store,
        "-file",
        ca.to_str().unwrap(),
    ];
    target.statuses("keytool", &import);
    let trust = format!("-Djavax.net.ssl.trustStore={store}");
    let arguments = [
        &trust,
        "-Djavax.net.ssl.trustStorePassword=changeit",
        source.to_str().unwrap(),
    ];
    assert_eq!(target.statuses("java", &arguments), "200 200 200");
}
