//! Problem details of every refusal.

use crate::file::check;
use crate::support::{hex, unhex};
use coinless_protocol::problem::Refusal;
use serde::{Deserialize, Serialize};

/// A refusal in all its forms.
#[derive(Serialize, Deserialize)]
pub struct ProblemVector {
    pub title: String,
    pub refusal: u8,
    pub coap_code: String,
    pub bytes: String,
}

/// The vectors of refusals.
pub fn vectors() -> Vec<ProblemVector> {
    let made = Refusal::ALL.map(|refusal| ProblemVector {
        title: refusal.title().into(),
        refusal: refusal as u8,
        coap_code: refusal.coap_code().to_string(),
        bytes: hex(&refusal.to_bytes().unwrap()),
    });
    check("problems.json", "Concise problem details (RFC 9290) of every refusal (rule problem-details).", made.into())
}

#[test]
fn problems() {
    let vectors = vectors();
    assert_eq!(vectors.len(), Refusal::ALL.len());
    for vector in vectors {
        let refusal = Refusal::from_bytes(&unhex(&vector.bytes)).unwrap();
        assert_eq!((refusal as u8, refusal.title()), (vector.refusal, vector.title.as_str()));
        assert_eq!(hex(&refusal.to_bytes().unwrap()), vector.bytes);
    }
}

#[test]
fn what_others_may_add_is_skipped() {
    // RFC 9290 §2: unknown entries are ignored. Here a detail (-2) comes first and an entry of somebody else.
    let bytes = unhex("a3 21 63 616263 63 783a79 a1 00 81 01 70 636f696e6c6573733a7265667573616c a1 00 07");
    assert_eq!(Refusal::from_bytes(&bytes), Ok(Refusal::BadSignature));
}
