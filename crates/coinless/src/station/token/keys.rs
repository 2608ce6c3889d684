//! `coinless station token keys`.

use super::{Target, commit_to_sign, signing, wait};
use crate::output::{Context, Failure, Output};
use crate::station::open_keys;
use coinless_protocol::cose::{self, Label};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::PublicKey;
use coinless_station::keys::{read_pair, read_public};
use coinless_station::records::{IssuerRecord, IssuerRole};
use coinless_station::service::now_ms;
use coinless_station::terms::{self, Keys};
use coinless_station::work::Work;
use std::path::PathBuf;

/// Which keys.
#[derive(clap::Args)]
pub struct Options {
    /// The file with the private root key, root.key, which is kept off line.
    #[arg(long, value_name = "FILE")]
    root_key: PathBuf,
    /// A public key that signs tokens, operational.pub, once or twice; without it that of this station.
    #[arg(long = "operational", value_name = "FILE")]
    operational: Vec<PathBuf>,
    /// In a new key epoch: everything that an earlier key signed is worth nothing from then on. For a key that was stolen.
    #[arg(long)]
    raise_epoch: bool,
}

/// Commits, signs with the root key, and has everything signed that follows.
pub(super) fn run(target: &Target, options: &Options, output: &Output) -> Result<(), Failure> {
    let (meter, _) = target.find()?;
    let opened = target.open()?;
    let root = read_pair(&options.root_key).context("the root key")?;
    let record = open_keys(&target.data, &opened.config)?.of(&meter.utility).context("the station's keys")?.record();
    if key_of(&record, IssuerRole::Root) != Some(root.public_key()) {
        let words = format!("{} is not the root key of {}", options.root_key.display(), meter.utility);
        return Err(Failure::new(words));
    }
    let mut operational = Vec::new();
    for path in &options.operational {
        operational.push(read_public(path).context("an operational key")?);
    }
    if operational.is_empty() {
        operational.extend(key_of(&record, IssuerRole::Operational));
    }
    let operational = OperationalKeys::new(&operational);
    let operational = operational.ok_or_else(|| Failure::new("a meter knows one or two operational keys"))?;
    if target.check {
        return Err(Failure::new("keys are not shown first: leave --check out"));
    }
    let keys = Keys { operational, raise_epoch: options.raise_epoch };
    let (id, wish) = (meter.id, target.wish(false));
    let ((committed, payload), due) =
        commit_to_sign(&*opened.store, vec![id], move |work| terms::commit_keys(work, id, &keys, &wish))?;
    let signed = cose::sign(&payload, Label::Token, &meter.key.hash(), &root).context("signing with the root key")?;
    let stored = committed.clone();
    wait(opened.store.write(move |tx| terms::keys_signed(&mut Work::new(tx, now_ms()), &stored, &signed)))?;
    signing::sign(&target.data, &opened.config, &opened.store, due, output)?;
    target.show_committed(&opened, id, &committed, output)
}

fn key_of(record: &IssuerRecord, role: IssuerRole) -> Option<PublicKey> {
    record.issuers.iter().find(|issuer| issuer.role == role).map(|issuer| issuer.public_key.0)
}
