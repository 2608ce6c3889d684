//! `coset`, a COSE implementation by others, reads every signed and sealed vector and builds Sig_structure and Enc_structure
//! itself.

use crate::support::{test_key, unhex, unhex_array};
use crate::{identities, readings, receipts, reports, tokens};
use ccm::aead::{AeadInPlace, KeyInit};
use coset::{Algorithm, CborSerializable, CoseEncrypt0, CoseSign1, iana};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};

/// `coset` takes `signed` apart, finds `payload` in it, writes it as it was, and verifies it with the key named `signer`.
fn verify(name: &str, signed: &str, payload: &str, external_aad: &str, signer: &str) {
    let bytes = unhex(signed);
    let public = test_key(signer).public();
    let object = CoseSign1::from_slice(&bytes).unwrap();
    assert_eq!(object.protected.header.alg, Some(Algorithm::Assigned(iana::Algorithm::ES256)), "{name}");
    assert_eq!(object.protected.header.key_id, public.hash().hint().0, "{name}");
    assert!(object.unprotected.is_empty(), "{name}");
    assert_eq!(object.payload.as_deref(), Some(unhex(payload).as_slice()), "{name}");
    let key = VerifyingKey::from_sec1_bytes(&public.to_sec1()).unwrap();
    let check = |signature: &[u8], message: &[u8]| key.verify(message, &Signature::from_slice(signature).unwrap());
    object.verify_signature(&unhex(external_aad), check).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(object.verify_signature(b"", check).is_err(), "{name}: external_aad must matter");
    assert_eq!(object.to_vec().unwrap(), bytes, "{name}");
}

#[test]
fn coset_verifies_every_signature() {
    for v in tokens::vectors() {
        verify(&v.name, &v.signed, &v.payload, &v.external_aad, &v.issuer_key);
    }
    for v in receipts::vectors() {
        verify(&v.name, &v.signed, &v.payload, &v.external_aad, &v.meter_key);
    }
    for v in reports::vectors() {
        verify(&v.name, &v.signed, &v.payload, &v.external_aad, &v.meter_key);
    }
    let mut proofs = 0;
    for v in identities::vectors() {
        if let Some(proof) = &v.proof {
            verify(&v.name, &proof.signed, &v.payload, &proof.external_aad, &v.meter_key);
            proofs += 1;
        }
    }
    assert!(proofs >= 2);
}

/// `coset` takes COSE_Encrypt0 apart and opens it with `key`.
fn open(name: &str, sealed: &str, number: u32, key: &str, nonce: &str, external_aad: &str) -> Vec<u8> {
    let bytes = unhex(sealed);
    let object = CoseEncrypt0::from_slice(&bytes).unwrap();
    let alg = iana::Algorithm::AES_CCM_16_64_128;
    assert_eq!(object.protected.header.alg, Some(Algorithm::Assigned(alg)), "{name}");
    assert_eq!(object.unprotected.partial_iv, number.to_be_bytes(), "{name}");
    assert_eq!(object.clone().to_vec().unwrap(), bytes, "{name}");
    let key = ccm::Ccm::<aes::Aes128, ccm::consts::U8, ccm::consts::U13>::new(&unhex_array::<16>(key).into());
    let opened = object.decrypt_ciphertext(
        &unhex(external_aad),
        || unreachable!("a ciphertext is there"),
        |cipher_text, aad| {
            let (text, tag) = cipher_text.split_at(cipher_text.len() - 8);
            let (mut text, tag): (_, [u8; 8]) = (text.to_vec(), tag.try_into().unwrap());
            let nonce = unhex_array::<13>(nonce).into();
            key.decrypt_in_place_detached(&nonce, aad, &mut text, &tag.into()).map(|()| text)
        },
    );
    opened.unwrap()
}

#[test]
fn coset_opens_all_that_is_sealed() {
    for v in readings::vectors() {
        let opened = open(&v.name, &v.sealed, v.receipt_number, &v.derived_key, &v.nonce, &v.external_aad);
        assert_eq!(opened, unhex(&v.plain), "{}", v.name);
    }
    for v in reports::vectors() {
        let opened = open(&v.name, &v.sealed, v.number, &v.derived_key, &v.nonce, &v.sealed_external_aad);
        assert_eq!(opened, unhex(&v.plain), "{}", v.name);
    }
}
