//! What a station and a signer in another process say to each other: frames of a 4-byte big-endian length and so many bytes of
//! JSON. Every question carries a number, which its answer repeats, so that many are under way on one connection.

use super::{ReadSignRequest, SignError, SignedBefore, TokenSigner};
use crate::issue::SignRequest;
use crate::records::{from_hex, to_hex};
use crate::utilities::UtilityName;
use coinless_protocol::keys::KeyHash;
use coinless_protocol::{CreditNumber, Epoch, MeterId};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Most bytes of a frame without its length. A question is about 600 bytes.
pub const MAX_FRAME_BYTES: usize = 4096;
/// How long a frame that has begun may take to come in, or to be taken.
pub(super) const FRAME_PATIENCE: Duration = Duration::from_secs(10);

/// A question.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) id: u64,
    pub(super) ask: Ask,
}

/// What is asked. Bytes are in hexadecimal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Ask {
    Sign { utility: String, meter: String, meter_key: String, payload: String },
    Terms { utility: String, meter: String, meter_key: String, payload: String },
    Read { utility: String, meter: String, meter_key: String, epoch: u16, challenge: String },
    Highest { utility: String, meter: String },
    Learn { utility: String, meter_key: String, token: String },
}

/// The answer to the question of the same number.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) id: u64,
    pub(super) say: Say,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Say {
    Token(String),
    Highest(Option<(u16, u32)>),
    Learned,
    Not(SignError),
}

impl Ask {
    pub(super) fn sign(request: &SignRequest) -> Self {
        Self::Sign {
            utility: request.utility.to_string(),
            meter: request.meter.as_str().to_owned(),
            meter_key: to_hex(&request.meter_key.0),
            payload: to_hex(&request.payload),
        }
    }

    pub(super) fn terms(request: &SignRequest) -> Self {
        Self::Terms {
            utility: request.utility.to_string(),
            meter: request.meter.as_str().to_owned(),
            meter_key: to_hex(&request.meter_key.0),
            payload: to_hex(&request.payload),
        }
    }

    pub(super) fn read(request: &ReadSignRequest) -> Self {
        Self::Read {
            utility: request.utility.to_string(),
            meter: request.meter.as_str().to_owned(),
            meter_key: to_hex(&request.meter_key.0),
            epoch: request.epoch.0,
            challenge: to_hex(&request.challenge),
        }
    }

    pub(super) fn highest(utility: &UtilityName, meter: MeterId) -> Self {
        Self::Highest { utility: utility.to_string(), meter: meter.as_str().to_owned() }
    }

    pub(super) fn learn(before: &SignedBefore) -> Self {
        Self::Learn {
            utility: before.utility.to_string(),
            meter_key: to_hex(&before.meter_key.0),
            token: to_hex(&before.token),
        }
    }

    /// Asks `signer`.
    pub(super) async fn put_to(&self, signer: &impl TokenSigner) -> Say {
        match self.try_put_to(signer).await {
            Ok(say) => say,
            Err(error) => Say::Not(error),
        }
    }

    async fn try_put_to(&self, signer: &impl TokenSigner) -> Result<Say, SignError> {
        let token = |bytes: Vec<u8>| Say::Token(to_hex(&bytes));
        Ok(match self {
            Self::Sign { utility, meter, meter_key, payload } => {
                token(signer.sign(&sign_request(utility, meter, meter_key, payload)?).await?)
            }
            Self::Terms { utility, meter, meter_key, payload } => {
                token(signer.sign_terms(&sign_request(utility, meter, meter_key, payload)?).await?)
            }
            Self::Read { utility, meter, meter_key, epoch, challenge } => {
                let request = ReadSignRequest {
                    utility: parse(utility)?,
                    meter: parse(meter)?,
                    meter_key: KeyHash(array(meter_key)?),
                    epoch: Epoch(*epoch),
                    challenge: array(challenge)?,
                };
                token(signer.sign_read_request(&request).await?)
            }
            Self::Highest { utility, meter } => {
                let highest = signer.highest_number(&parse(utility)?, parse(meter)?).await?;
                Say::Highest(highest.map(|(epoch, number)| (epoch.0, number.0)))
            }
            Self::Learn { utility, meter_key, token } => {
                let (utility, meter_key) = (parse(utility)?, KeyHash(array(meter_key)?));
                signer.learn(&SignedBefore { utility, meter_key, token: bytes(token)? }).await?;
                Say::Learned
            }
        })
    }
}

impl Say {
    pub(super) fn token(self) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Token(text) => from_hex(&text).ok_or_else(odd),
            other => Err(other.refusal()),
        }
    }

    pub(super) fn highest(self) -> Result<Option<(Epoch, CreditNumber)>, SignError> {
        match self {
            Self::Highest(found) => Ok(found.map(|(epoch, number)| (Epoch(epoch), CreditNumber(number)))),
            other => Err(other.refusal()),
        }
    }

    pub(super) fn learned(self) -> Result<(), SignError> {
        match self {
            Self::Learned => Ok(()),
            other => Err(other.refusal()),
        }
    }

    fn refusal(self) -> SignError {
        match self {
            Self::Not(error) => error,
            _ => odd(),
        }
    }
}

/// Reads one frame; none at the end of the stream between two. Waits for its first byte as long as it takes.
///
/// # Errors
/// When the stream breaks, ends in a frame or takes too long over one, or the frame is too long or says nothing known.
pub(super) async fn read<T: for<'de> Deserialize<'de>>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    let rest = async {
        stream.read_exact(&mut head[1..]).await?;
        let len = u32::from_be_bytes(head) as usize;
        if len > MAX_FRAME_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {len} bytes")));
        }
        let mut body = vec![0; len];
        stream.read_exact(&mut body).await?;
        Ok(body)
    };
    let body = timeout(FRAME_PATIENCE, rest).await.map_err(io::Error::from)??;
    // What serde says could quote the content.
    let unreadable = |_| io::Error::new(io::ErrorKind::InvalidData, "a frame that says nothing known");
    serde_json::from_slice(&body).map(Some).map_err(unreadable)
}

/// Writes one frame.
///
/// # Errors
/// When the stream breaks or takes too long, or the content is too long.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), content: &impl Serialize) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, content)?;
    let len = frame.len() - 4;
    if len > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a frame of {len} bytes")));
    }
    frame[..4].copy_from_slice(&(len as u32).to_be_bytes());
    timeout(FRAME_PATIENCE, stream.write_all(&frame)).await.map_err(io::Error::from)?
}

fn odd() -> SignError {
    SignError::Unavailable("the signer's answer says nothing known".to_owned())
}

fn sign_request(utility: &str, meter: &str, meter_key: &str, payload: &str) -> Result<SignRequest, SignError> {
    let (utility, meter) = (parse(utility)?, parse(meter)?);
    Ok(SignRequest { utility, meter, payload: bytes(payload)?, meter_key: KeyHash(array(meter_key)?) })
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, SignError> {
    text.parse().map_err(|_| SignError::Refused("a question names no utility or meter".to_owned()))
}

fn bytes(text: &str) -> Result<Vec<u8>, SignError> {
    from_hex(text).ok_or_else(|| SignError::Refused("bytes are written in hexadecimal digits".to_owned()))
}

fn array<const N: usize>(text: &str) -> Result<[u8; N], SignError> {
    let wrong = |_| SignError::Refused(format!("{N} bytes are needed"));
    bytes(text)?.try_into().map_err(wrong)
}
