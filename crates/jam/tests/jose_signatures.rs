//! The examples of the RFCs on signatures, in every form, and the attacks on the JSON forms, on detached and on unencoded
//! payloads. Numbers are rows of the project's table of attacks.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

use data_encoding::BASE64URL_NOPAD;
use jam::jose::Jwk;
use jam::jose::jws::{
    Algorithm, SignOptions, SigningKey, Unverified, UnverifiedJson, VerifyingKey, sign_flattened,
    sign_general, sign_with,
};
use serde_json::{Map, Value, json};

fn rfc_examples() -> Value {
    serde_json::from_str(include_str!("rfc/signatures.json")).unwrap()
}

/// One signature of an example, with its key.
struct Example<'a> {
    source: &'a str,
    payload: &'a str,
    members: &'a Map<String, Value>,
    /// `None` where only the public half is typed in.
    signing: Option<SigningKey>,
    verifying: VerifyingKey,
    options: SignOptions,
}

fn for_each_signature(mut check: impl FnMut(&Example<'_>, &Value)) {
    let all = rfc_examples();
    for example in all["examples"].as_array().unwrap() {
        for signature in example["signatures"].as_array().unwrap() {
            let key = Jwk::from_dict(all["keys"][text(&signature["key"])].as_object().unwrap()).unwrap();
            let algorithm: Algorithm = text(&signature["alg"]).parse().unwrap();
            let verifying = VerifyingKey::new(algorithm, &key).unwrap();
            let signing = key.is_private().then(|| SigningKey::new(algorithm, &key).unwrap());
            let options = SignOptions {
                unprotected: signature["header"].as_object().cloned().unwrap_or_default(),
                detached: example["detached"] == true,
                encode_payload: example["b64"] != false,
                ..SignOptions::default()
            };
            let members = signature.as_object().unwrap();
            let (source, payload) = (text(&example["source"]), text(&example["payload"]));
            check(&Example { source, payload, members, signing, verifying, options }, example);
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

fn parse(members: &Map<String, Value>) -> jam::Result<UnverifiedJson> {
    UnverifiedJson::parse(&Value::Object(members.clone()).to_string())
}

/// `protected`, `header` and `signature` as they stand in a JSON form.
fn of_signature(members: &Map<String, Value>) -> Map<String, Value> {
    let names = ["protected", "header", "signature"];
    members
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[test]
fn every_example_of_the_rfcs_verifies_in_every_form() {
    let mut seen = 0;
    for_each_signature(|example, _| {
        let source = example.source;
        let payload = example.payload.as_bytes();
        let encodes = example.options.encode_payload;
        let shown = if encodes { encode(payload) } else { example.payload.to_owned() };

        let mut flattened = of_signature(example.members);
        let mut detached = json!({"signatures": [flattened.clone()]}).as_object().cloned().unwrap();
        flattened.insert("payload".into(), shown.clone().into());
        let mut general = detached.clone();
        general.insert("payload".into(), shown.clone().into());

        if example.members.contains_key("refused") {
            // attacks 7 and 21
            for jws in [flattened, general] {
                assert_eq!(
                    parse(&jws).unwrap().verify(&example.verifying).unwrap_err().code(),
                    "jwt.malformed"
                );
            }
            let refused = parse(&detached).unwrap().verify_detached(payload, &example.verifying);
            assert_eq!(refused.unwrap_err().code(), "jwt.malformed");
            return;
        }
        for jws in [&flattened, &general] {
            let verified = parse(jws).unwrap().verify(&example.verifying).unwrap();
            assert_eq!(verified.payload(), payload, "{source}");
            assert_eq!(verified.signatures().len(), 1);
        }
        let held = parse(&detached).unwrap().verify_detached(payload, &example.verifying).unwrap();
        assert_eq!(held[0].header().algorithm(), example.verifying.algorithm().name());
        detached.insert("payload".into(), "".into());
        assert!(parse(&detached).unwrap().verify(&example.verifying).is_err());

        let (protected, signature) =
            (text(&example.members["protected"]), text(&example.members["signature"]));
        if encodes {
            let token = format!("{protected}.{shown}.{signature}");
            let verified = Unverified::parse(&token).unwrap().verify(&example.verifying).unwrap();
            assert_eq!(verified.payload(), payload, "{source}");
        }
        let token = format!("{protected}..{signature}");
        let header = Unverified::parse(&token).unwrap().verify_detached(payload, &example.verifying).unwrap();
        assert_eq!(header.encodes_payload(), encodes);
        let changed = Unverified::parse(&token).unwrap().verify_detached(b"changed", &example.verifying);
        assert_eq!(changed.unwrap_err().code(), "jwt.invalid_signature", "{source}");
        seen += 1;
    });
    assert_eq!(seen, 18);
}

#[test]
fn the_examples_that_depend_on_no_random_number_come_out_byte_for_byte() {
    let mut seen = 0;
    for_each_signature(|example, whole| {
        if whole["repeatable"] != true {
            return;
        }
        let (source, signing) = (example.source, example.signing.as_ref().unwrap());
        let payload = example.payload.as_bytes();
        let shown = if example.options.encode_payload { encode(payload) } else { example.payload.to_owned() };

        let mut expected = of_signature(example.members);
        if !example.options.detached {
            expected.insert("payload".into(), shown.clone().into());
        }
        let flattened = sign_flattened(payload, &example.options, signing).unwrap();
        assert_eq!(flattened, expected, "{source}");
        let mut general = sign_general(payload, &[(&example.options, signing)]).unwrap();
        let signatures = general.remove("signatures").unwrap();
        assert_eq!(signatures, json!([of_signature(example.members)]), "{source}");
        assert_eq!(general.get("payload"), expected.get("payload"));

        if example.options.unprotected.is_empty() {
            let token = sign_with(payload, &example.options, signing).unwrap();
            let shown = if example.options.detached { "" } else { &shown };
            let (protected, signature) =
                (text(&example.members["protected"]), text(&example.members["signature"]));
            assert_eq!(token, format!("{protected}.{shown}.{signature}"), "{source}");
        }
        seen += 1;
    });
    assert_eq!(seen, 7);
}

// RFC 7515 appendix A.6 and RFC 7520 section 4.8
#[test]
fn of_several_signatures_it_is_told_which_ones_held() {
    // attack 22
    let all = rfc_examples();
    let key = |name: &str, algorithm| {
        VerifyingKey::new(algorithm, &Jwk::from_dict(all["keys"][name].as_object().unwrap()).unwrap())
            .unwrap()
    };
    let example = |source: &str| {
        let example = all["examples"].as_array().unwrap().iter().find(|one| one["source"] == source).unwrap();
        let signatures: Vec<_> = example["signatures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|signature| Value::Object(of_signature(signature.as_object().unwrap())))
            .collect();
        json!({"payload": encode(text(&example["payload"])), "signatures": signatures})
            .as_object()
            .cloned()
            .unwrap()
    };
    let held = |jws: &Map<String, Value>, keys: &[VerifyingKey]| {
        let verified = parse(jws).unwrap().verify(keys).unwrap();
        verified
            .signatures()
            .iter()
            .map(|one| (one.index(), one.header().algorithm().to_owned()))
            .collect::<Vec<_>>()
    };

    let mut jws = example("RFC 7515 appendix A.6");
    let (rsa, p256) = (key("rfc7515 rsa", Algorithm::Rs256), key("rfc7515 p256", Algorithm::Es256));
    let keys = [rsa.clone(), p256.clone()];
    assert_eq!(held(&jws, &keys), [(0, "RS256".into()), (1, "ES256".into())]);
    assert_eq!(held(&jws, &keys[..1]), [(0, "RS256".into())]);
    assert_eq!(held(&jws, &keys[1..]), [(1, "ES256".into())]);
    let one = parse(&jws).unwrap().verify(&p256).unwrap();
    // The unprotected header is nowhere in the answer.
    assert_eq!(one.signatures()[0].header().key_id(), None);

    jws["signatures"][0]["signature"] = "AAAA".into();
    assert_eq!(held(&jws, &keys), [(1, "ES256".into())]);
    assert_eq!(parse(&jws).unwrap().verify(&rsa).unwrap_err().code(), "jwt.invalid_signature");

    let jws = example("RFC 7520 section 4.8");
    let keys = [
        key("rfc7520 oct", Algorithm::Hs256),
        key("rfc7520 p521", Algorithm::Es512),
        key("rfc7520 rsa", Algorithm::Rs256),
    ];
    assert_eq!(held(&jws, &keys), [(0, "RS256".into()), (2, "HS256".into())]);
}

// RFC 7515 appendix A.5 and E; RFC 7519 section 6.1 is the former.
#[test]
fn the_unsecured_and_the_critical_example_of_the_rfcs_are_refused() {
    // attacks 1 and 19
    let key = VerifyingKey::new(Algorithm::Hs256, &Jwk::from_secret(vec![7; 32])).unwrap();
    let unsecured = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p\
                     c19yb290Ijp0cnVlfQ.";
    let error = Unverified::parse(unsecured).unwrap().verify(&key).unwrap_err();
    assert_eq!(error.code(), "jwt.unsupported_algorithm");
    let critical = "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFt\
                    cGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.";
    let error = Unverified::parse(critical).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token's header: \"crit\" asks for an extension that is not understood"
    );
}

fn secret() -> Jwk {
    Jwk::from_secret(vec![7; 32])
}

fn signing() -> SigningKey {
    SigningKey::new(Algorithm::Hs256, &secret()).unwrap()
}

fn verifying() -> VerifyingKey {
    VerifyingKey::new(Algorithm::Hs256, &secret()).unwrap()
}

/// The MAC with which a header and a payload are signed as they stand, whatever they say.
fn mac(signed: &str) -> String {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&[7; 32]).unwrap();
    mac.update(signed.as_bytes());
    encode(mac.finalize().into_bytes())
}

/// A flattened object with a MAC that holds, of any protected header.
fn flattened(protected: &str, payload: &str, more: Value) -> Map<String, Value> {
    let protected = encode(protected);
    let signature = mac(&format!("{protected}.{payload}"));
    let mut jws = json!({"payload": payload, "protected": protected, "signature": signature})
        .as_object()
        .cloned()
        .unwrap();
    jws.extend(more.as_object().cloned().unwrap());
    jws
}

fn refusal(jws: &Map<String, Value>) -> String {
    match parse(jws).and_then(|unverified| unverified.verify(&verifying()).map(drop)) {
        Ok(()) => format!("accepted: {jws:?}"),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn only_the_protected_header_counts() {
    // attack 7
    assert!(parse(&flattened(r#"{"alg":"HS256"}"#, "e30", json!({}))).unwrap().verify(&verifying()).is_ok());
    for (protected, more) in [
        (r#"{"alg":"HS256"}"#, json!({"header": {"alg": "HS256"}})),
        (r#"{"alg":"HS256"}"#, json!({"header": {"alg": "none"}})),
        (r#"{"kid":"1"}"#, json!({"header": {"alg": "HS256"}})),
        ("{}", json!({"header": {"alg": "HS256"}})),
        (r#"{"alg":"HS256","typ":"a"}"#, json!({"header": {"typ": "b"}})),
        (r#"{"alg":"HS256"}"#, json!({"header": {"kid": 1}})),
        (r#"{"alg":"HS256"}"#, json!({"header": []})),
        (r#"{"alg":"HS256"}"#, json!({"header": null})),
    ] {
        assert_eq!(
            refusal(&flattened(protected, "e30", more.clone())),
            "jwt.malformed",
            "{protected} {more}"
        );
    }
    let other = flattened(r#"{"alg":"HS384"}"#, "e30", json!({"header": {"x": "HS256"}}));
    assert_eq!(refusal(&other), "jwt.unsupported_algorithm");
}

#[test]
fn critical_names_are_unknown_registered_missing_or_twice_in_vain() {
    // attack 19
    for (extra, reason) in [
        (r#""crit":["x"],"x":1"#, "not understood"),
        (r#""crit":["b64","x"],"b64":true,"x":1"#, "not understood"),
        (r#""crit":[]"#, "one text at least"),
        (r#""crit":"b64","b64":true"#, "one text at least"),
        (r#""crit":["b64",1],"b64":true"#, "one text at least"),
        (r#""crit":null"#, "one text at least"),
        (r#""crit":["alg"]"#, "no extension"),
        (r#""crit":["b64","enc"],"b64":true"#, "no extension"),
        (r#""crit":["crit"]"#, "no extension"),
        (r#""crit":["b64","b64"],"b64":true"#, "twice"),
        (r#""crit":["b64"]"#, "not in the header"),
        (r#""b64":true"#, "must be named by \"crit\""),
        // attack 20
        (r#""b64":false"#, "must be named by \"crit\""),
        (r#""crit":["b64"],"b64":"false""#, "must be true or false"),
        (r#""crit":["b64"],"b64":0"#, "must be true or false"),
        (r#""crit":["b64"],"b64":null"#, "must be true or false"),
    ] {
        let header = format!(r#"{{"alg":"HS256",{extra}}}"#);
        let token = format!("{}.e30.{}", encode(&header), mac(&format!("{}.e30", encode(&header))));
        let error = Unverified::parse(&token).unwrap_err();
        assert_eq!(error.code(), "jwt.malformed");
        assert!(error.to_string().contains(reason), "{extra}: {error}");
        assert_eq!(refusal(&flattened(&header, "e30", json!({}))), "jwt.malformed", "{extra}");
    }
    for unprotected in
        [json!({"crit": ["b64"]}), json!({"b64": false}), json!({"crit": ["b64"], "b64": true})]
    {
        let jws = flattened(r#"{"alg":"HS256"}"#, "e30", json!({"header": unprotected}));
        assert_eq!(refusal(&jws), "jwt.malformed", "{unprotected}");
    }
    let understood = flattened(r#"{"alg":"HS256","b64":true,"crit":["b64"]}"#, "e30", json!({}));
    assert_eq!(parse(&understood).unwrap().verify(&verifying()).unwrap().payload(), b"{}");
}

#[test]
fn an_unencoded_payload_is_itself() {
    let options = SignOptions { encode_payload: false, ..SignOptions::default() };
    let token = sign_with(b"$-02 ~", &options, &signing()).unwrap();
    assert_eq!(token.split('.').nth(1), Some("$-02 ~"));
    let verified = Unverified::parse(&token).unwrap().verify(&verifying()).unwrap();
    assert_eq!(verified.payload(), b"$-02 ~");
    for payload in [&b"$.02"[..], "é".as_bytes(), b"\n", b"\x7f", b"\xff"] {
        let error = sign_with(payload, &options, &signing()).unwrap_err();
        assert!(error.to_string().contains("printable ASCII"), "{error}");
        // Detached, everything goes.
        let detached = SignOptions { detached: true, ..options.clone() };
        let token = sign_with(payload, &detached, &signing()).unwrap();
        assert!(Unverified::parse(&token).unwrap().verify_detached(payload, &verifying()).is_ok());
        assert!(Unverified::parse(&token).unwrap().verify(&verifying()).is_err());
    }
    // A signer that is less strict is not followed.
    let header = encode(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#);
    for payload in ["é", "a\nb"] {
        let token = format!("{header}.{payload}.{}", mac(&format!("{header}.{payload}")));
        let error = Unverified::parse(&token).unwrap().verify(&verifying()).unwrap_err();
        assert_eq!(error.code(), "jwt.malformed");
    }

    // RFC 7797 section 5.3: in JSON it may be any text.
    let jws = sign_flattened("€.\n\"".as_bytes(), &options, &signing()).unwrap();
    assert_eq!(jws["payload"], "€.\n\"");
    assert_eq!(parse(&jws).unwrap().verify(&verifying()).unwrap().payload(), "€.\n\"".as_bytes());
    assert_eq!(sign_flattened(b"\xff", &options, &signing()).unwrap_err().code(), "validation.invalid");
    // An encoded payload is no other spelling of it.
    let mut changed = jws.clone();
    changed.insert("payload".into(), encode("€.\n\"").into());
    assert_eq!(refusal(&changed), "jwt.invalid_signature");
}

#[test]
fn a_payload_is_in_the_token_or_beside_it() {
    // attack 20
    for encode_payload in [true, false] {
        let attached = SignOptions { encode_payload, ..SignOptions::default() };
        let detached = SignOptions { detached: true, ..attached.clone() };
        let token = sign_with(b"hello", &attached, &signing()).unwrap();
        for payload in [&b"hello"[..], b"", b"other"] {
            let error =
                Unverified::parse(&token).unwrap().verify_detached(payload, &verifying()).unwrap_err();
            assert_eq!(error.code(), "jwt.malformed");
        }
        let token = sign_with(b"hello", &detached, &signing()).unwrap();
        let error = Unverified::parse(&token).unwrap().verify(&verifying()).unwrap_err();
        assert_eq!(error.code(), "jwt.malformed");
        assert!(error.to_string().contains("detached"), "{error}");

        let jws = sign_flattened(b"hello", &attached, &signing()).unwrap();
        assert!(parse(&jws).unwrap().verify_detached(b"hello", &verifying()).is_err());
        let jws = sign_flattened(b"hello", &detached, &signing()).unwrap();
        assert!(!jws.contains_key("payload"));
        assert_eq!(refusal(&jws), "jwt.malformed");
        let held = parse(&jws).unwrap().verify_detached(b"hello", &verifying()).unwrap();
        assert_eq!(held[0].index(), 0);
        let changed = parse(&jws).unwrap().verify_detached(b"hullo", &verifying()).unwrap_err();
        assert_eq!(changed.code(), "jwt.invalid_signature");
    }
    // A payload of no bytes is one.
    let token = sign_with(b"", &SignOptions::default(), &signing()).unwrap();
    assert_eq!(Unverified::parse(&token).unwrap().verify(&verifying()).unwrap().payload(), b"");
}

#[test]
fn a_number_in_a_header_is_the_one_that_was_written_or_none() {
    // attack 33
    for number in ["18446744073709551616", "-9223372036854775809", "1e300"] {
        let jws = flattened(&format!(r#"{{"alg":"HS256","n":[{number}]}}"#), "aGk", json!({}));
        assert_eq!(refusal(&jws), "jwt.malformed", "{number}");
        let header: Map<String, Value> = serde_json::from_str(&format!(r#"{{"n":{number}}}"#)).unwrap();
        for options in [
            SignOptions { header: header.clone(), ..SignOptions::default() },
            SignOptions { unprotected: header.clone(), ..SignOptions::default() },
        ] {
            let error = sign_flattened(b"hi", &options, &signing()).unwrap_err();
            assert_eq!(error.code(), "validation.invalid", "{number}");
        }
    }
    let header = json!({"most": u64::MAX, "least": i64::MIN, "n": 1.5}).as_object().cloned().unwrap();
    let options = SignOptions { header: header.clone(), ..SignOptions::default() };
    let token = sign_with(b"hi", &options, &signing()).unwrap();
    let verified = Unverified::parse(&token).unwrap().verify(&verifying()).unwrap();
    for (name, value) in &header {
        assert_eq!(&verified.header().members()[name], value);
    }
}

#[test]
fn what_is_neither_json_form_is_refused() {
    // attacks 21, 23, 26 to 30
    let good = flattened(r#"{"alg":"HS256"}"#, "e30", json!({}));
    let token = sign_with(b"{}", &SignOptions::default(), &signing()).unwrap();
    let without = |name: &str| {
        let mut jws = good.clone();
        jws.remove(name);
        Value::Object(jws).to_string()
    };
    let with = |name: &str, value: Value| {
        let mut jws = good.clone();
        jws.insert(name.to_owned(), value);
        Value::Object(jws).to_string()
    };
    let entry = json!({"protected": good["protected"], "signature": good["signature"]});
    let many = vec![entry.clone(); 33];
    let whole = Value::Object(good.clone()).to_string();
    for bad in [
        String::new(),
        "[]".into(),
        "null".into(),
        token.clone(),
        json!([token]).to_string(),
        json!({ token.as_str(): 1 }).to_string(),
        without("signature"),
        without("protected"),
        without("payload"),
        json!({"payload": "e30", "signatures": []}).to_string(),
        json!({"payload": "e30", "signatures": {}}).to_string(),
        json!({"payload": "e30", "signatures": [1]}).to_string(),
        json!({"payload": "e30", "signatures": [{}]}).to_string(),
        json!({"payload": "e30", "signatures": [entry, {"protected": good["protected"]}]}).to_string(),
        json!({"payload": "e30", "signatures": many}).to_string(),
        with("signatures", json!([])),
        with("signatures", json!([{"protected": good["protected"], "signature": good["signature"]}])),
        with("payload", json!(1)),
        with("payload", json!({})),
        with("payload", json!("e30=")),
        with("payload", json!("e31")),
        with("protected", json!({"alg": "HS256"})),
        with("protected", json!("")),
        with("protected", json!("e30")),
        with("protected", json!(encode(r#"{"alg":"HS256","alg":"HS256"}"#))),
        with("protected", json!(encode("[".repeat(100_000)))),
        with("signature", json!(null)),
        with("signature", json!(format!("{}=", text(&good["signature"])))),
        whole.replacen('{', r#"{"payload":"e30","#, 1),
        whole.replacen('{', r#"{"\u0073ignature":"","#, 1),
        format!("{whole} {whole}"),
        format!("{{\"x\":{}", "[".repeat(100_000)),
        format!("{}{whole}", " ".repeat(256 * 1024)),
    ] {
        let outcome = UnverifiedJson::parse(&bad).and_then(|jws| jws.verify(&verifying()).map(drop));
        let code = outcome.unwrap_err().code();
        let cut: String = bad.chars().take(200).collect();
        // Where a payload is no base64url its signature does not hold either.
        assert!(matches!(code, "jwt.malformed" | "jwt.invalid_signature"), "{code}: {cut}");
    }
    // What nobody knows is ignored (RFC 7515 section 7.2.1).
    assert!(UnverifiedJson::parse(&with("x", json!(1))).unwrap().verify(&verifying()).is_ok());
}

#[test]
fn signatures_that_treat_the_payload_differently_are_refused() {
    // RFC 7797 section 3
    let plain = SignOptions::default();
    let unencoded = SignOptions { encode_payload: false, ..SignOptions::default() };
    let detached = SignOptions { detached: true, ..SignOptions::default() };
    for other in [&unencoded, &detached] {
        let error = sign_general(b"x", &[(&plain, &signing()), (other, &signing())]).unwrap_err();
        assert_eq!(error.code(), "validation.invalid");
    }
    let mut both = sign_general(b"eHg", &[(&plain, &signing())]).unwrap();
    let other = sign_general(b"eHg", &[(&unencoded, &signing())]).unwrap();
    let second = other["signatures"][0].clone();
    both["signatures"].as_array_mut().unwrap().push(second);
    assert_eq!(refusal(&both), "jwt.malformed");
    assert_eq!(sign_general(b"x", &[]).unwrap_err().code(), "validation.invalid");
    let (key, many) = (signing(), vec![&plain; 33]);
    let many: Vec<_> = many.into_iter().map(|options| (options, &key)).collect();
    assert_eq!(sign_general(b"x", &many).unwrap_err().code(), "validation.invalid");
}

#[test]
fn a_signer_cannot_contradict_its_key() {
    // fault 12
    let named =
        Jwk::from_json(r#"{"kty":"oct","kid":"mine","k":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#);
    let key = SigningKey::new(Algorithm::Hs256, &named.unwrap()).unwrap();
    let members = |value: Value| value.as_object().cloned().unwrap();
    for header in [
        json!({"alg": "none"}),
        json!({"crit": ["b64"]}),
        json!({"b64": false}),
        json!({"kid": "other"}),
        json!({"typ": 1}),
    ] {
        let options = SignOptions { header: members(header.clone()), ..SignOptions::default() };
        assert_eq!(sign_with(b"", &options, &key).unwrap_err().code(), "validation.invalid", "{header}");
        assert_eq!(sign_flattened(b"", &options, &key).unwrap_err().code(), "validation.invalid", "{header}");
    }
    for unprotected in [
        json!({"alg": "HS256"}),
        json!({"crit": []}),
        json!({"b64": true}),
        json!({"kid": "other"}),
        json!({"kid": 1}),
    ] {
        let options = SignOptions { unprotected: members(unprotected.clone()), ..SignOptions::default() };
        let error = sign_flattened(b"", &options, &key).unwrap_err();
        assert_eq!(error.code(), "validation.invalid", "{unprotected}");
    }
    let both = SignOptions {
        header: members(json!({"typ": "a"})),
        unprotected: members(json!({"typ": "a"})),
        ..SignOptions::default()
    };
    assert_eq!(sign_flattened(b"", &both, &key).unwrap_err().code(), "validation.invalid");
    let unprotected =
        SignOptions { unprotected: members(json!({"kid": "mine", "x": 1})), ..SignOptions::default() };
    let jws = sign_flattened(b"", &unprotected, &key).unwrap();
    assert_eq!(jws["protected"], encode(r#"{"alg":"HS256"}"#));
    assert_eq!(sign_with(b"", &unprotected, &key).unwrap_err().code(), "validation.invalid");
}

#[test]
fn few_keys_are_tried_for_one_signature() {
    // attack 18: without a name all keys of the algorithm are candidates, but not without end
    let keys: Vec<_> = (0..20_u8)
        .map(|number| VerifyingKey::new(Algorithm::Hs256, &Jwk::from_secret(vec![number; 32])).unwrap())
        .collect();
    let token = sign_with(b"x", &SignOptions::default(), &signing()).unwrap(); // by the eighth key
    assert!(Unverified::parse(&token).unwrap().verify(&keys).is_ok());
    assert!(Unverified::parse(&token).unwrap().verify(&keys[..7]).is_err());
    let later = Unverified::parse(&token).unwrap().verify(keys[8..].iter().chain(&keys[7..8]));
    assert_eq!(later.unwrap_err().code(), "jwt.invalid_signature");
    assert_eq!(Unverified::parse(&token).unwrap().verify(&[]).unwrap_err().code(), "jwt.invalid_signature");
}
