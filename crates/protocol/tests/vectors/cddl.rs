//! `cddl-cat`, a CDDL implementation by others, checks every vector against `docs/protocol.cddl`.

use crate::support::unhex;
use crate::{identities, operational_keys, problems, readings, receipts, rejected, reports, settings, tariffs, tokens};
use cddl_cat::validate_cbor_bytes;

/// The CDDL of the protocol. `cddl-cat` looks for a regular expression anywhere in a text, where RFC 8610 §3.8.3 means the
/// whole text.
fn cddl() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.cddl");
    let text = std::fs::read_to_string(file).unwrap();
    ["\"[A-Z]{3}[0-9A-Z]{1,13}\"", "\"[A-Z]{3}\""].into_iter().fold(text, |text, expression| {
        assert_eq!(text.matches(expression).count(), 1);
        text.replace(expression, &format!("\"^{}$\"", expression.trim_matches('"')))
    })
}

#[test]
fn every_vector_fits() {
    let cddl = cddl();
    let fits = |rule: &str, name: &str, bytes: &str| {
        validate_cbor_bytes(rule, &cddl, &unhex(bytes)).unwrap_or_else(|e| panic!("{rule}, {name}: {e} {bytes}"));
    };
    for v in tokens::vectors() {
        fits("token", &v.name, &v.payload);
        fits("signed-token", &v.name, &v.signed);
        fits("external-aad", &v.name, &v.external_aad);
    }
    for v in receipts::vectors() {
        fits("receipt", &v.name, &v.payload);
        fits("signed-receipt", &v.name, &v.signed);
        fits("external-aad", &v.name, &v.external_aad);
    }
    for v in readings::vectors() {
        fits("readings", &v.name, &v.plain);
        fits("sealed-readings", &v.name, &v.sealed);
    }
    for v in tariffs::vectors() {
        fits("tariff", &v.name, &v.content);
    }
    for v in settings::vectors() {
        fits("settings", &v.name, &v.content);
    }
    for v in operational_keys::vectors() {
        fits("operational-keys", &v.name, &v.content);
    }
    for v in reports::vectors() {
        fits("report-content", &v.name, &v.plain);
        fits("sealed-report", &v.name, &v.sealed);
        fits("report", &v.name, &v.payload);
        fits("signed-report", &v.name, &v.signed);
        fits("external-aad", &v.name, &v.external_aad);
    }
    for v in identities::vectors() {
        fits("identity", &v.name, &v.payload);
        if let Some(proof) = &v.proof {
            fits("signed-identity", &v.name, &proof.signed);
            fits("external-aad", &v.name, &proof.external_aad);
        }
    }
    for v in problems::vectors() {
        fits("problem-details", &v.title, &v.bytes);
    }
}

#[test]
fn what_cddl_can_refuse_is_refused() {
    let cddl = cddl();
    let (refused, accepted): (Vec<_>, Vec<_>) = rejected::vectors().into_iter().filter(|v| v.cddl).partition(|v| {
        let bytes = unhex(v.bytes.as_deref().unwrap());
        validate_cbor_bytes(&v.object, &cddl, &bytes).is_err()
    });
    let accepted: Vec<_> = accepted.iter().map(|v| format!("{}, {}: {:?}", v.object, v.name, v.bytes)).collect();
    assert!(accepted.is_empty(), "the CDDL accepts {accepted:#?}");
    assert!(refused.len() > 230, "only {}", refused.len());
}
