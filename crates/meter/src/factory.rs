//! The factory record: what a meter is made with and never changes by itself. Written once, in sectors of its own.
//!
//! # Format 1
//!
//! 512 bytes, integers little-endian.
//!
//! | offset | bytes | field | unit |
//! |-------:|------:|-------|------|
//! | 0 | 4 | `CLSF` | |
//! | 4 | 2 | format, 1 | |
//! | 6 | 1 | commodity: 1 gas, 2 water, 3 electricity | |
//! | 7 | 1 | length of the identity | bytes |
//! | 8 | 16 | identity, ASCII, zero padded | |
//! | 24 | 32 | private key, big-endian; zero if a secure element holds it | |
//! | 56 | 1 | number of issuer keys, 0 to 4 | |
//! | 57 | 1 | bit 0: a token may open (water, electricity); bit 1: a readings key is there | |
//! | 58 | 2 | watch time of the opening check; 0 for no check | seconds |
//! | 60 | 4 | limit of the opening check | credit units per minute |
//! | 64 | 8 | initial credit | credit units |
//! | 72 | 8 | maximum credit | credit units |
//! | 80 | 65 | the station's readings key, SEC 1 uncompressed; zero if none | |
//! | 145 | 4 × 66 | issuer keys: role (1 root, 2 operational) and SEC 1 uncompressed point; zero if none | |
//! | 409 | 3 | code of the currency that credit is counted in; zero for unit credit | |
//! | 412 | 1 | digits after its point | |
//! | 413 | 95 | zero | |
//! | 508 | 4 | CRC-32C of bytes 0 to 507 | |

use crate::fields::{FieldReader, FieldWriter, is_zero};
use crate::journal::CHECKSUM;
use coinless_protocol::issuers::MAX_OPERATIONAL_KEYS;
use coinless_protocol::keys::{KeyPair, PUBLIC_KEY_BYTES, PublicKey, SecretKeyError};
use coinless_protocol::{Commodity, CreditKind, Currency, MeterId, Units};

/// Bytes of a factory record.
pub const FACTORY_BYTES: usize = 512;

/// Most issuer keys that a meter knows.
pub const MAX_ISSUERS: usize = 4;
/// Most of them that are root keys, so that there is room for the operational keys that they name.
pub const MAX_ROOTS: usize = MAX_ISSUERS - MAX_OPERATIONAL_KEYS;

/// What stands for the private key of a meter whose secure element holds it. It is no private key itself.
pub const IN_SECURE_ELEMENT: [u8; 32] = [0; 32];

const MAGIC: [u8; 4] = *b"CLSF";
const FORMAT: u16 = 1;
const BIT_OPEN_BY_TOKEN: u8 = 1;
const BIT_READINGS_KEY: u8 = 2;

/// What a meter is made with.
#[derive(Clone)]
pub struct Factory {
    /// Who it is.
    pub meter: MeterId,
    /// What it measures.
    pub commodity: Commodity,
    /// What its credit is counted in.
    pub credit: CreditKind,
    /// Its private key, 32 bytes big-endian, or [`IN_SECURE_ELEMENT`].
    pub secret: [u8; 32],
    /// Keys whose tokens it accepts. Without any it accepts nothing.
    pub issuers: heapless::Vec<Issuer, MAX_ISSUERS>,
    /// The key to which it seals its readings; needed as soon as there is an issuer.
    pub readings_key: Option<PublicKey>,
    /// Credit that it is made with, so that its installer can open and check it.
    pub initial: Units,
    /// The most credit that it can hold.
    pub max_credit: Units,
    /// What counts as uncontrolled flow after opening.
    pub opening: OpeningCheck,
    /// Water and electricity only: a token may open the valve that was shut for used-up credit alone.
    pub open_by_token: bool,
}

/// A key whose tokens a meter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issuer {
    /// What the key may do.
    pub role: IssuerRole,
    /// The key.
    pub key: PublicKey,
}

/// What an issuer key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum IssuerRole {
    /// Raises the key epoch and replaces operational keys; signs no credit.
    Root = 1,
    /// Signs credit tokens and read requests.
    Operational = 2,
}

/// The check after an opening: the valve is shut again as soon as more has flowed than the limit allows for the whole watch
/// time. So the size of a pulse does not matter, and a stronger flow is stopped sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningCheck {
    /// Limit in credit units (dm³, litre, Wh) per minute.
    pub units_per_minute: u32,
    /// Watch time in seconds; 0 for no check, which gas does not allow.
    pub watch_s: u16,
}

impl OpeningCheck {
    /// The usual check of a gas meter: 5 dm³ per minute over one minute. A pilot light uses less than 1, an open cooker ring
    /// about 4, an open pipe 40 and more.
    pub const GAS: Self = Self { units_per_minute: 5, watch_s: 60 };
    /// No check.
    pub const NONE: Self = Self { units_per_minute: 0, watch_s: 0 };

    /// Whether openings are checked.
    pub fn is_on(self) -> bool {
        self.watch_s > 0
    }

    /// The watch time in milliseconds.
    pub fn watch_ms(self) -> u64 {
        u64::from(self.watch_s).saturating_mul(1000)
    }

    /// What may flow in the watch time, in thousandths of a credit unit.
    pub fn allowed_fine(self) -> i64 {
        // limit / 60 s * watch time * 1000 thousandths; at most 2^32 * 2^16 * 17.
        i64::from(self.units_per_minute).saturating_mul(i64::from(self.watch_s)).saturating_mul(50) / 3
    }
}

/// Why a factory record makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FactoryError {
    /// The private key is none.
    #[error(transparent)]
    Secret(#[from] SecretKeyError),
    /// There are more root keys than may be.
    #[error("a meter knows at most {MAX_ROOTS} root keys")]
    Roots,
    /// There are issuers, but no key to seal readings to.
    #[error("a meter with issuer keys needs the station's readings key")]
    NoReadingsKey,
    /// The initial credit is over the maximum, or the maximum is 0.
    #[error("the maximum credit is 0 or below the initial credit")]
    MaxCredit,
    /// Money is put into a meter that has no prices yet: nothing would use it up.
    #[error("a meter of money credit is made without credit: it has no prices yet that use it up")]
    Unpriced,
    /// A gas meter without an opening check, or one that a token may open.
    #[error("a gas meter needs an opening check and is never opened by a token")]
    Gas,
}

impl Factory {
    /// The meter's key pair.
    ///
    /// # Errors
    /// [`SecretKeyError`] if the private key is none, or in a secure element.
    pub fn key_pair(&self) -> Result<KeyPair, SecretKeyError> {
        KeyPair::from_secret(&self.secret)
    }

    /// Whether a meter can be made from this.
    ///
    /// # Errors
    /// [`FactoryError`] says why not.
    pub fn check(&self) -> Result<(), FactoryError> {
        // Cheaper than the pair, whose public key has to be computed.
        if self.secret != IN_SECURE_ELEMENT {
            p256::SecretKey::from_slice(&self.secret).map_err(|_| SecretKeyError)?;
        }
        if !self.issuers.is_empty() && self.readings_key.is_none() {
            return Err(FactoryError::NoReadingsKey);
        }
        if self.issuers.iter().filter(|issuer| issuer.role == IssuerRole::Root).count() > MAX_ROOTS {
            return Err(FactoryError::Roots);
        }
        if self.max_credit == Units::ZERO || self.initial > self.max_credit {
            return Err(FactoryError::MaxCredit);
        }
        if self.credit != CreditKind::Unit && self.initial != Units::ZERO {
            return Err(FactoryError::Unpriced);
        }
        let unsafe_gas = !self.opening.is_on() || self.open_by_token;
        if self.commodity == Commodity::Gas && unsafe_gas { Err(FactoryError::Gas) } else { Ok(()) }
    }

    /// The record.
    pub fn to_record(&self) -> [u8; FACTORY_BYTES] {
        let mut record = [0; FACTORY_BYTES];
        let mut id = [0; MeterId::MAX_BYTES];
        let text = self.meter.as_bytes();
        id.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        let by_token = if self.open_by_token { BIT_OPEN_BY_TOKEN } else { 0 };
        let readings = if self.readings_key.is_some() { BIT_READINGS_KEY } else { 0 };
        let mut out = FieldWriter::new(&mut record);
        out.put(MAGIC)
            .put(FORMAT.to_le_bytes())
            .put([self.commodity as u8, text.len() as u8])
            .put(id)
            .put(self.secret)
            .put([self.issuers.len() as u8, by_token | readings])
            .put(self.opening.watch_s.to_le_bytes())
            .put(self.opening.units_per_minute.to_le_bytes())
            .put(self.initial.get().to_le_bytes())
            .put(self.max_credit.get().to_le_bytes())
            .put(self.readings_key.map_or([0; PUBLIC_KEY_BYTES], |key| key.to_sec1()));
        for issuer in &self.issuers {
            out.put([issuer.role as u8]).put(issuer.key.to_sec1());
        }
        for _ in self.issuers.len()..MAX_ISSUERS {
            out.put([0; 1 + PUBLIC_KEY_BYTES]);
        }
        if let CreditKind::Money(currency) = &self.credit {
            let mut code = [0; 3];
            code.iter_mut().zip(currency.code().bytes()).for_each(|(to, from)| *to = from);
            out.put(code).put([currency.exponent()]);
        }
        if let Some((checked, checksum)) = record.split_last_chunk_mut::<4>() {
            *checksum = CHECKSUM.checksum(checked).to_le_bytes();
        }
        record
    }

    /// Reads a record; none if it is torn, of another format, or makes no sense.
    pub fn from_record(record: &[u8; FACTORY_BYTES]) -> Option<Self> {
        let mut factory = Self::read(record);
        if factory.as_ref().is_some_and(|factory| factory.check().is_err()) {
            factory = None;
        }
        factory
    }

    // Not inlined: a meter has little stack, and what this needs is to be gone when the private key is checked.
    #[inline(never)]
    fn read(record: &[u8; FACTORY_BYTES]) -> Option<Self> {
        let (checked, checksum) = record.split_last_chunk::<4>()?;
        let mut input = FieldReader::new(checked);
        let whole = CHECKSUM.checksum(checked) == u32::from_le_bytes(*checksum);
        if !whole || input.bytes() != MAGIC || input.u16() != FORMAT {
            return None;
        }
        let commodity = Commodity::from_code(input.u8().into())?;
        let id_bytes = usize::from(input.u8());
        let (text, padding) = input.slice(MeterId::MAX_BYTES).split_at_checked(id_bytes)?;
        let meter = MeterId::from_ascii(text).ok()?;
        let secret = input.bytes();
        let [issuer_count, bits] = input.bytes();
        let opening = OpeningCheck { watch_s: input.u16(), units_per_minute: input.u32() };
        let (initial, max_credit) = (Units::new(input.u64()).ok()?, Units::new(input.u64()).ok()?);
        let readings_key = input.slice(PUBLIC_KEY_BYTES);
        let readings_key = match bits & BIT_READINGS_KEY {
            0 if !is_zero(readings_key) => return None,
            0 => None,
            _ => Some(PublicKey::from_sec1(readings_key).ok()?),
        };
        let mut issuers = heapless::Vec::new();
        for _ in 0..issuer_count {
            issuers.push(read_issuer(&mut input)?).ok()?;
        }
        for _ in issuers.len()..MAX_ISSUERS {
            is_zero(input.slice(1 + PUBLIC_KEY_BYTES)).then_some(())?;
        }
        let (code, exponent): ([u8; 3], u8) = (input.bytes(), input.u8());
        let credit = match (code, exponent) {
            ([0, 0, 0], 0) => CreditKind::Unit,
            _ => CreditKind::Money(Currency::new(code, exponent)?),
        };
        if !input.ends_in_zeros() || !is_zero(padding) || bits & !(BIT_OPEN_BY_TOKEN | BIT_READINGS_KEY) != 0 {
            return None;
        }
        let open_by_token = bits & BIT_OPEN_BY_TOKEN != 0;
        Some(Self {
            meter,
            commodity,
            credit,
            secret,
            issuers,
            readings_key,
            initial,
            max_credit,
            opening,
            open_by_token,
        })
    }
}

fn read_issuer(input: &mut FieldReader<'_>) -> Option<Issuer> {
    let role = match input.u8() {
        1 => IssuerRole::Root,
        2 => IssuerRole::Operational,
        _ => return None,
    };
    let key = PublicKey::from_sec1(input.slice(PUBLIC_KEY_BYTES)).ok()?;
    Some(Issuer { role, key })
}

impl core::fmt::Debug for Factory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Everything but the private key.
        f.debug_struct("Factory")
            .field("meter", &self.meter)
            .field("commodity", &self.commodity)
            .field("credit", &self.credit)
            .field("issuers", &self.issuers.len())
            .field("initial", &self.initial)
            .field("max_credit", &self.max_credit)
            .field("opening", &self.opening)
            .field("open_by_token", &self.open_by_token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factory() -> Factory {
        let key = |byte| KeyPair::from_secret(&[byte; 32]).unwrap().public_key();
        let issuer = |byte, role| Issuer { role, key: key(byte) };
        let operational = IssuerRole::Operational;
        Factory {
            meter: "CLS0000000017ABC".parse().unwrap(),
            commodity: Commodity::Gas,
            credit: CreditKind::Unit,
            secret: [7; 32],
            issuers: heapless::Vec::from_slice(&[
                issuer(1, IssuerRole::Root),
                issuer(2, operational),
                issuer(3, operational),
                issuer(4, operational),
            ])
            .unwrap(),
            readings_key: Some(key(5)),
            initial: Units::new(2000).unwrap(),
            max_credit: Units::new(500_000).unwrap(),
            opening: OpeningCheck::GAS,
            open_by_token: false,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_no_other_way() {
        let record = factory().to_record();
        let again = Factory::from_record(&record).unwrap();
        assert_eq!(again.to_record(), record);
        assert_eq!((record[57], record[58], record[60], record[145], record[145 + 66]), (2, 60, 5, 1, 2));
        for at in 0..FACTORY_BYTES {
            for bit in 0..8 {
                let mut torn = record;
                torn[at] ^= 1 << bit;
                assert!(Factory::from_record(&torn).is_none(), "bit {bit} of byte {at}");
            }
        }
        assert!(Factory::from_record(&[0xff; FACTORY_BYTES]).is_none());
        let euro = CreditKind::Money(Currency::new(*b"EUR", 2).unwrap());
        let record = Factory { credit: euro, initial: Units::ZERO, ..factory() }.to_record();
        assert_eq!((Factory::from_record(&record).unwrap().credit, &record[409..414]), (euro, b"EUR\x02\0".as_slice()));
        let bare = Factory { issuers: heapless::Vec::new(), readings_key: None, ..factory() };
        assert!(Factory::from_record(&bare.to_record()).unwrap().issuers.is_empty());
    }

    #[test]
    fn a_record_has_one_form() {
        let sealed = |factory: &Factory, at: usize| {
            let mut record = factory.to_record();
            record[at] |= 1;
            let (checked, checksum) = record.split_last_chunk_mut::<4>().unwrap();
            *checksum = CHECKSUM.checksum(checked).to_le_bytes();
            Factory::from_record(&record)
        };
        let short = Factory { meter: "CLS0".parse().unwrap(), ..factory() };
        assert!(sealed(&short, 0).is_some(), "the first byte of the mark is odd");
        for at in [12, 23, 413, 507] {
            assert!(sealed(&short, at).is_none(), "byte {at}");
        }
        let bare = Factory { issuers: heapless::Vec::new(), readings_key: None, ..factory() };
        for at in [80, 144, 145] {
            assert!(sealed(&bare, at).is_none(), "byte {at}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(factory().check(), Ok(()));
        let roots = factory().issuers.iter().map(|issuer| Issuer { role: IssuerRole::Root, ..*issuer }).collect();
        assert_eq!(Factory { issuers: roots, ..factory() }.check(), Err(FactoryError::Roots));
        assert_eq!(Factory { readings_key: None, ..factory() }.check(), Err(FactoryError::NoReadingsKey));
        assert_eq!(Factory { max_credit: Units::ZERO, ..factory() }.check(), Err(FactoryError::MaxCredit));
        assert_eq!(
            Factory { max_credit: Units::new(1999).unwrap(), ..factory() }.check(),
            Err(FactoryError::MaxCredit)
        );
        let euro = CreditKind::Money(Currency::new(*b"EUR", 2).unwrap());
        assert_eq!(Factory { credit: euro, ..factory() }.check(), Err(FactoryError::Unpriced));
        assert_eq!(Factory { open_by_token: true, ..factory() }.check(), Err(FactoryError::Gas));
        assert_eq!(Factory { opening: OpeningCheck::NONE, ..factory() }.check(), Err(FactoryError::Gas));
        assert!(matches!(Factory { secret: [0xff; 32], ..factory() }.check(), Err(FactoryError::Secret(_))));
        let element = Factory { secret: IN_SECURE_ELEMENT, ..factory() };
        assert_eq!((element.check(), element.key_pair().is_err()), (Ok(()), true));
        let water = Factory { commodity: Commodity::Water, opening: OpeningCheck::NONE, ..factory() };
        assert_eq!(Factory { open_by_token: true, ..water }.check(), Ok(()));
    }

    #[test]
    fn what_may_flow_in_the_watch_time() {
        assert_eq!(OpeningCheck::GAS.allowed_fine(), 5000);
        assert_eq!(OpeningCheck { units_per_minute: 4, watch_s: 30 }.allowed_fine(), 2000);
        assert!(OpeningCheck { units_per_minute: u32::MAX, watch_s: u16::MAX }.allowed_fine() > 0);
    }
}
