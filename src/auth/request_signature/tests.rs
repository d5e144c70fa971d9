use proptest::prelude::*;

use super::*;

const DATE: &str = "20260102T030405Z";
const SKEW_MS: i64 = 900_000;
const DERIVED: &str = "026db30aef23c8703c55da945c6d6677832e61aa03666cfec1151f4ac5917c1e";
const SIGNED: &str = "content-type;host;user-agent;x-project-id;x-sdk-date";

fn now() -> Timestamp {
    event_time::parse_compact(DATE).unwrap()
}

fn secret() -> Secret {
    Secret::new("SKTEST".to_owned())
}

/// A request made with the official signer, and what came out of it.
struct Vector {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    content_type: &'static str,
    body: &'static str,
    canonical: &'static str,
    sdk: &'static str,
    v11: &'static str,
}

const VECTORS: [Vector; 4] = [
    Vector {
        method: "GET",
        path: "/v5/iot/p1/products",
        query: "limit=50&offset=0&product_name=a%20b%26c%2F%E6%B8%A9%3F%27%23%28%29~%2A",
        content_type: "application/json",
        body: "",
        canonical: "c40ec61a6fbf030b193cb5e18a1dd216d8a74f7d74ce92374f68ddc607bfeffb",
        sdk: "a788915b6a1ccb35d37c57c736c8077ccdce969963cf7c6607e36fda9c48d9ad",
        v11: "ba56d43852287df15b76e556c16814883385373b3530ebfe133e1793c62acabe",
    },
    Vector {
        method: "POST",
        path: "/v5/iot/p1/products",
        query: "",
        content_type: "application/json;charset=utf-8",
        body: r#"{"name": "T", "service_type": "\u6e29"}"#,
        canonical: "4d277a88b7dd3ab4044a68ce9286c881140b6d06a8d33e17b76827eee6b975a1",
        sdk: "67a15b84b5b7699ed4446083d69869944494312cc37f1c06a939164ad549b3a9",
        v11: "29ed01ef51666cc36cb40ee720321f82a8a7971df75d632b8fa136caed293677",
    },
    Vector {
        method: "GET",
        path: "/v5/iot/p1/devices/p1_dev%2F1%20x",
        query: "",
        content_type: "application/json",
        body: "",
        canonical: "d1efff3dd13a02ed91f6b66e3876786fc5f08c8220be9233fd5bb36e20ebef7f",
        sdk: "a8b497c48bb4fb1c60d11ccce691332c41bbc7fc7dd2900c057efaa71169197f",
        v11: "095ba842ba404ae7b8712fe72e7b2f36279d17739b16ded47183a9e0c0f26c9f",
    },
    Vector {
        method: "POST",
        path: "/v5/iot/p1/devices/d1/freeze",
        query: "",
        content_type: "application/json",
        body: "",
        canonical: "9ff61c460029080463016b07137dac6b58b03bb08f48638d5beb3b2132acd647",
        sdk: "1f4f3eeb50ad3e539838ebd738eba6513c0c5579db71b9a03d5f817b67f81084",
        v11: "be88934b389bbebe8b1b8865b3555ecc338a93bfe6fc858746376df30b010465",
    },
];

impl Vector {
    fn head(&self) -> RequestHead<'static> {
        RequestHead {
            method: self.method,
            path: self.path,
            query: self.query,
            headers: vec![
                ("X-Sdk-Date", DATE.as_bytes()),
                ("X-Project-Id", b"p1"),
                ("User-Agent", b"ua"),
                ("Host", b"iot.example:8943"),
                ("Content-Type", self.content_type.as_bytes()),
            ],
        }
    }

    /// Both values of the header, as the official signer wrote them.
    fn authorizations(&self) -> [String; 2] {
        [
            format!(
                "SDK-HMAC-SHA256 Access=AKTEST, SignedHeaders={SIGNED}, Signature={}",
                self.sdk
            ),
            format!(
                "V11-HMAC-SHA256 Credential=AKTEST/20260102/local-1/iotdm, SignedHeaders={SIGNED}, Signature={}",
                self.v11
            ),
        ]
    }
}

/// Judges `head` with this header, at the time of the vectors.
fn judged(head: &RequestHead<'_>, authorization: &str, body: &[u8]) -> Result<String, Refusal> {
    let mut head = head.clone();
    head.headers.push(("Authorization", authorization.as_bytes()));
    let secret_of = |access_key: &str| (access_key == "AKTEST").then(secret);
    judge(&head, body, now(), SKEW_MS, secret_of)
}

/// Signs and judges.
fn signed(head: &RequestHead<'_>, body: &[u8], region: Option<&str>) -> Result<String, Refusal> {
    let authorization = sign(head, body, "AKTEST", &secret(), region)?;
    judged(head, &authorization, body)
}

fn mismatch() -> Result<String, Refusal> {
    Err(Refusal::Mismatch("AKTEST".to_owned()))
}

#[test]
fn the_official_signers_requests_verify_step_by_step() {
    let info = "20260102/local-1/iotdm".to_owned();
    let key = Algorithm::V11 { info }.key("AKTEST", &secret());
    assert_eq!(key.as_slice(), DERIVED.as_bytes());
    for vector in VECTORS {
        let (head, body) = (vector.head(), vector.body.as_bytes());
        for (value, region) in vector.authorizations().iter().zip([None, Some("local-1")]) {
            let mut whole = head.clone();
            whole.headers.push(("AUTHORIZATION", value.as_bytes()));
            let claim = Claim::read(&whole, now(), SKEW_MS).unwrap();
            let canonical = canonical::finish(&claim.canonical_head, claim.payload, body);
            assert_eq!(canonical, vector.canonical, "{}", vector.path);
            assert_eq!(claim.verify(&secret(), body), Ok(()));
            assert_eq!(judged(&head, value, body), Ok("AKTEST".to_owned()));
            assert_eq!(&sign(&head, body, "AKTEST", &secret(), region).unwrap(), value);
        }
    }
}

#[test]
fn the_canonical_request_of_a_vector_is_as_published() {
    let [first, ..] = VECTORS;
    let head = first.head();
    let names = SIGNED.split(';').collect::<Vec<_>>();
    let taken = SignedHeaders::take(&head, &names).unwrap();
    let text = String::from_utf8(canonical::head(&head, &taken.0).unwrap()).unwrap();
    insta::assert_snapshot!(text, @r"
    GET
    /v5/iot/p1/products/
    limit=50&offset=0&product_name=a%20b%26c%2F%E6%B8%A9%3F%27%23%28%29~%2A
    content-type:application/json
    host:iot.example:8943
    user-agent:ua
    x-project-id:p1
    x-sdk-date:20260102T030405Z

    content-type;host;user-agent;x-project-id;x-sdk-date
    ");
}

#[test]
fn whatever_is_changed_on_the_way_is_noticed() {
    let [_, vector, ..] = VECTORS;
    let body = vector.body.as_bytes();
    for value in vector.authorizations() {
        let with = |change: &dyn Fn(&mut RequestHead<'static>)| {
            let mut head = vector.head();
            change(&mut head);
            judged(&head, &value, body)
        };
        assert_eq!(with(&|_| ()), Ok("AKTEST".to_owned()));
        assert_eq!(with(&|head| head.method = "PUT"), mismatch());
        assert_eq!(with(&|head| head.path = "/v5/iot/p1/devices"), mismatch());
        assert_eq!(with(&|head| head.query = "a=b"), mismatch());
        assert_eq!(with(&|head| head.headers[1].1 = b"p2"), mismatch());
        assert_eq!(with(&|head| head.headers[3].1 = b"other.example"), mismatch());
        let missing = with(&|head| head.headers.retain(|(name, _)| *name != "X-Project-Id"));
        assert_eq!(missing, Err(Refusal::MissingHeader("x-project-id".to_owned())));
        let twice = with(&|head| head.headers.push(("x-PROJECT-id", b"p1")));
        assert_eq!(twice, Err(Refusal::RepeatedHeader("x-project-id".to_owned())));
        assert_eq!(judged(&vector.head(), &value, b""), mismatch());
        assert_eq!(judged(&vector.head(), &value, b"{}"), mismatch());
        let forged = value.replace("Signature=", "Signature=0");
        let forged = &forged[..forged.len() - 1];
        assert_eq!(judged(&vector.head(), forged, body), mismatch());
    }
    let [sdk, v11] = vector.authorizations();
    let region = v11.replace("local-1", "local-2");
    assert_eq!(judged(&vector.head(), &region, body), mismatch());
    let key = sdk.replace("AKTEST", "AKOTHER");
    assert_eq!(
        judged(&vector.head(), &key, body),
        Err(Refusal::UnknownKey("AKOTHER".to_owned()))
    );
}

#[test]
fn a_malformed_header_is_refused_for_its_reason() {
    let [vector, ..] = VECTORS;
    let [sdk, v11] = vector.authorizations();
    let refused = |value: &str| judged(&vector.head(), value, b"").unwrap_err();
    let malformed = |value: &str| assert!(matches!(refused(value), Refusal::Malformed(_)), "{value}");
    for value in [
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 ",
        &sdk.replace(", SignedHeaders", " SignedHeaders"),
        &sdk.replace("Access=", "Credential="),
        &v11.replace("Credential=", "Access="),
        &sdk.replace("Access=AKTEST", "Access="),
        &sdk.replace("Access=AKTEST", "Access=A/K"),
        &sdk.replace("AKTEST", &"A".repeat(65)),
        &sdk.replace("AKTEST", "AK\u{e4}"),
        &sdk.replace(SIGNED, ""),
        &sdk.replace(SIGNED, "host;;x-sdk-date"),
        &sdk.replace(SIGNED, "Host;X-Sdk-Date"),
        &sdk.replace(SIGNED, "host;host;x-sdk-date"),
        &sdk.replace("host;", "ho st;"),
        &format!("{sdk}00"),
        &sdk[..sdk.len() - 2],
        &sdk.replace("Signature=", "Signature=x"),
        &format!("{sdk}, Access=AKTEST"),
        &format!("{sdk}, More=x"),
        &v11.replace("/20260102/local-1/iotdm", ""),
        &v11.replace("/local-1", ""),
        &v11.replace("local-1", ""),
        &v11.replace("local-1", "a/b"),
    ] {
        malformed(value);
    }
    let many: Vec<String> = (0..101).map(|number| format!("h{number}")).collect();
    malformed(&sdk.replace("host;", &format!("{};host;", many.join(";"))));
    for name in [
        "SDK-HMAC-SM3",
        "SDK-ECDSA-P256-SHA256",
        "SDK-SM2-SM3",
        "Basic",
        "sdk-hmac-sha256",
    ] {
        let value = sdk.replace("SDK-HMAC-SHA256", name);
        assert_eq!(refused(&value), Refusal::UnknownAlgorithm(name.to_owned()));
    }
    assert_eq!(refused(""), Refusal::UnknownAlgorithm(String::new()));
    for (without, name) in [("host;", "host"), (";x-sdk-date", "x-sdk-date")] {
        assert_eq!(refused(&sdk.replace(without, "")), Refusal::NotCovered(name));
    }
    let scope = |value: &str| assert!(matches!(refused(value), Refusal::Scope(_)), "{value}");
    scope(&v11.replace("20260102", "20260103"));
    scope(&v11.replace("iotdm", "iotda"));
    let mut twice = vector.head();
    twice.headers.push(("authorization", b"x"));
    assert_eq!(judged(&twice, &sdk, b""), Err(Refusal::NotOneAuthorization));
}

#[test]
fn a_date_counts_for_a_quarter_of_an_hour_either_way() {
    let [vector, ..] = VECTORS;
    let [sdk, _] = vector.authorizations();
    let mut head = vector.head();
    head.headers.push(("Authorization", sdk.as_bytes()));
    let at = |millis: i64| judge(&head, b"", now().plus_millis(millis), SKEW_MS, |_| Some(secret()));
    for fresh in [-SKEW_MS, 0, SKEW_MS] {
        assert!(at(fresh).is_ok(), "{fresh}");
    }
    for (stale, seconds) in [(-960_000, "960 seconds off"), (960_000, "-960 seconds off")] {
        let refusal = at(stale).unwrap_err();
        assert!(matches!(refusal, Refusal::Skewed { .. }), "{refusal}");
        assert!(refusal.to_string().contains(seconds), "{refusal}");
    }
    assert!(at(SKEW_MS + 1).is_err() && at(-SKEW_MS - 1).is_err());
    for date in ["", "2026-01-02T03:04:05Z", "20261302T030405Z", "20260102T030405"] {
        let mut head = head.clone();
        head.headers[0].1 = date.as_bytes();
        let judged = judge(&head, b"", now(), SKEW_MS, |_| Some(secret()));
        assert_eq!(judged, Err(Refusal::BadDate), "{date}");
    }
}

#[test]
fn a_body_may_stay_unsigned_on_a_signed_multipart_upload_alone() {
    let [_, vector, ..] = VECTORS;
    let sent = |content_type: &'static str, hash: &'static str, body: &[u8], arrived: &[u8]| {
        let mut head = vector.head();
        head.headers[4].1 = content_type.as_bytes();
        head.headers.push(("X-Sdk-Content-Sha256", hash.as_bytes()));
        let authorization = sign(&head, body, "AKTEST", &secret(), None).unwrap();
        judged(&head, &authorization, arrived)
    };
    let ok = || Ok("AKTEST".to_owned());
    let form = "multipart/form-data; boundary=x";
    assert_eq!(sent(form, "UNSIGNED-PAYLOAD", b"one", b"two"), ok());
    assert_eq!(sent(form, "unsigned-payload", b"one", b"two"), mismatch());
    // In the end the hash counts, whatever the header says: none that is signed can stand for another body.
    assert_eq!(sent("text/plain", "UNSIGNED-PAYLOAD", b"one", b"one"), ok());
    let swapped = sent("text/plain", "UNSIGNED-PAYLOAD", b"one", b"two");
    assert_eq!(swapped, Err(Refusal::UnsignedPayload("AKTEST".to_owned())));
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sent("application/json", hash, b"one", b"two"), mismatch());
    // One that is not signed says nothing at all.
    let [sdk, _] = vector.authorizations();
    let mut head = vector.head();
    head.headers.push(("X-Sdk-Content-Sha256", b"UNSIGNED-PAYLOAD"));
    assert_eq!(judged(&head, &sdk, vector.body.as_bytes()), ok());
    assert_eq!(judged(&head, &sdk, b"{}"), mismatch());
}

#[test]
fn a_signed_upload_whose_form_is_not_signed_is_hashed() {
    let [_, vector, ..] = VECTORS;
    let mut head = vector.head();
    head.headers.remove(4);
    head.headers.push(("X-Sdk-Content-Sha256", UNSIGNED_PAYLOAD));
    let authorization = sign(&head, b"one", "AKTEST", &secret(), None).unwrap();
    head.headers
        .push(("Content-Type", b"multipart/form-data; boundary=x"));
    assert!(judged(&head, &authorization, b"two").is_err());
}

#[test]
fn a_path_is_decoded_before_it_is_split() {
    for (raw, canonical) in [
        ("/a%2Fb", "/a/b/"),
        ("/a/b/", "/a/b/"),
        ("/a%252Fb", "/a%252Fb/"),
        ("/a//b", "/a//b/"),
        ("/%7Bproject_id%7D/x", "/%7Bproject_id%7D/x/"),
        ("/a%7e~+*", "/a~~%2B%2A/"),
        ("/温", "/%E6%B8%A9/"),
        ("", "/"),
    ] {
        assert_eq!(canonical::uri(raw).as_deref(), Some(canonical), "{raw}");
    }
    for raw in ["/%", "/%4", "/%zz", "/%+1", "/%ff", "/%E6%B8"] {
        assert_eq!(canonical::uri(raw), None, "{raw}");
    }
}

#[test]
fn a_query_is_read_as_the_handlers_read_it() {
    for (raw, canonical) in [
        ("", ""),
        ("&&", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1", "a=1&a=2"),
        ("a", "a="),
        ("a=b=c", "a=b%3Dc"),
        ("a=x+y", "a=x%20y"),
        ("a=x%2By", "a=x%2By"),
        ("%61=1", "a=1"),
        ("a-b=1&a=2", "a=2&a-b=1"),
    ] {
        assert_eq!(canonical::query(raw).as_deref(), Some(canonical), "{raw}");
    }
    for raw in ["a=%", "%g0=1", "a=%ff"] {
        assert_eq!(canonical::query(raw), None, "{raw}");
    }
}

#[test]
fn what_has_no_one_reading_is_refused() {
    let [vector, ..] = VECTORS;
    let with = |change: &dyn Fn(&mut RequestHead<'static>)| {
        let mut head = vector.head();
        change(&mut head);
        let [sdk, _] = vector.authorizations();
        judged(&head, &sdk, b"").unwrap_err()
    };
    let not = Refusal::NotCanonical;
    assert_eq!(with(&|head| head.path = "/%zz"), not("path"));
    assert_eq!(with(&|head| head.query = "a=%zz"), not("query"));
    assert_eq!(with(&|head| head.method = "GET\nX"), not("method"));
    assert_eq!(
        with(&|head| head.headers[1].1 = b"p1\nx:y"),
        not("value of a signed header")
    );
}

#[test]
fn values_are_signed_as_their_bytes_without_outer_space() {
    let [vector, ..] = VECTORS;
    let mut head = vector.head();
    head.headers.push(("Instance-Id", "  温 度 ".as_bytes()));
    let value = sign(&head, b"", "AKTEST", &secret(), None).unwrap();
    head.headers[5].1 = "温 度".as_bytes();
    assert_eq!(judged(&head, &value, b""), Ok("AKTEST".to_owned()));
    head.headers[5].1 = "温  度".as_bytes();
    assert_eq!(judged(&head, &value, b""), mismatch());
    head.headers[5].1 = b"\xff\xfe";
    assert_eq!(signed(&head, b"", Some("r")), Ok("AKTEST".to_owned()));
    head.headers.push(("with_underscore", b"is not signed"));
    assert!(!sign(&head, b"", "AKTEST", &secret(), None).unwrap().contains('_'));
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_its_body_counts(
        path in "/[a-zA-Z0-9/~. *+]{0,20}",
        query in "([a-z0-9_.~+]{1,4}=[a-z0-9+*!']{0,4}&?){0,4}",
        value in "[ -~]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..50),
        derived in any::<bool>(),
    ) {
        let [vector, ..] = VECTORS;
        let mut head = RequestHead { path: &path, query: &query, ..vector.head() };
        head.headers.push(("X-Any", value.as_bytes()));
        let region = derived.then_some("local-1");
        prop_assert_eq!(signed(&head, &body, region), Ok("AKTEST".to_owned()));
        let authorization = sign(&head, &body, "AKTEST", &secret(), region).unwrap();
        let longer = [body.as_slice(), b"x"].concat();
        prop_assert_eq!(judged(&head, &authorization, &longer), mismatch());
    }

    #[test]
    fn no_input_makes_it_panic(
        text in proptest::collection::vec("\\PC{0,30}", 4),
        value in "(SDK|V11)-HMAC-SHA256 (Access|Credential)=[A-Z/0-9a-z]{0,30}, SignedHeaders=host;x-sdk-date[;a-z]{0,9}, Signature=[0-9a-f]{62,65}",
        mangled in proptest::collection::vec(any::<u8>(), 0..80),
        body in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        for authorization in [value.as_bytes(), &mangled] {
            let head = RequestHead {
                method: &text[0],
                path: &text[1],
                query: &text[2],
                headers: vec![
                    ("host", text[3].as_bytes()),
                    ("x-sdk-date", DATE.as_bytes()),
                    (&text[3], &mangled),
                    ("authorization", authorization),
                ],
            };
            let judged = judge(&head, &body, now(), SKEW_MS, |_| Some(secret()));
            prop_assert!(judged.is_err());
        }
    }
}
